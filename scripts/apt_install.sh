#!/bin/sh
# Usage: scripts/apt_install.sh "PACKAGE..." REASON
# Installs Debian packages when run as root; otherwise says what to run and exits 1.
# Services of the package are not started: the tests start private servers of their own.
set -eu

package=$1
reason=$2

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "$reason" >&2
    echo "Run this, then try again:  sudo apt-get update && sudo apt-get install -y $package" >&2
    exit 1
fi

echo "$reason Installing $package."
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends $package >/dev/null # several packages are several words
