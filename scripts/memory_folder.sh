#!/bin/sh
# Prints a folder for temporary files that lies in memory, or the usual one where memory has less than 2 GB of room for
# them or lets no program of theirs run (containers often mount it so).
set -u

usual=${TMPDIR:-/tmp}
room=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')
[ "${room:-0}" -gt 2000000 ] && probe=$(mktemp /dev/shm/abaca-probe.XXXXXX 2>/dev/null) || probe=
if [ -n "$probe" ]; then
    printf '#!/bin/sh\n' >"$probe"
    chmod +x "$probe"
    "$probe" 2>/dev/null && usual=/dev/shm
    rm -f "$probe"
fi
echo "$usual"
