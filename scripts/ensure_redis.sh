#!/bin/sh
# Sees to it that a redis-server (or valkey-server) is here, for the tests to start servers of their own.
# Without one and without root the tests of Redis skip and say so; in CI a missing server is a failure.
set -eu

if [ -n "${ABACA_TEST_REDIS_SERVER:-}" ] || command -v redis-server >/dev/null || command -v valkey-server >/dev/null; then
    exit 0
fi
if scripts/apt_install.sh redis-server "The tests of Redis need redis-server, and it is not on PATH."; then
    exit 0
fi
if [ -n "${CI:-}" ]; then
    echo "CI is set, so a missing redis-server is a failure." >&2
    exit 1
fi
echo "Going on without it: the tests of Redis will be skipped." >&2
