#!/bin/sh
# Sees to it that strace is here, with which a test counts the syncs of SQLite's commits.
# Without it and without root that test skips and says so; in CI a missing strace is a failure.
set -eu

if command -v strace >/dev/null; then
    exit 0
fi
if scripts/apt_install.sh strace "A test of SQLite's durability needs strace, and it is not on PATH."; then
    exit 0
fi
if [ -n "${CI:-}" ]; then
    echo "CI is set, so a missing strace is a failure." >&2
    exit 1
fi
echo "Going on without it: the test that counts syncs will be skipped." >&2
