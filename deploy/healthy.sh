#!/bin/sh
# Usage: healthy.sh serve|worker
# Ends with 0 when what runs in this container (or on this host) is well.
#   serve   the service answers on $PORT (8080)
#   worker  the store has seen a beat of a worker of this host within the last minute; a store that is away is not the
#           worker's fault, which waits for it
set -eu

case ${1:-} in
serve)
    exec python3 -c "import urllib.request as u; u.urlopen('http://127.0.0.1:${PORT:-8080}/live', timeout=4)"
    ;;
worker)
    cards=$(abaca workers --json 2>/dev/null) || exit 0
    printf '%s' "$cards" | grep -q "\"$(uname -n)\""
    ;;
*)
    echo "healthy.sh: say serve or worker" >&2
    exit 2
    ;;
esac
