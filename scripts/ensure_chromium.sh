#!/bin/sh
# Sees to it that Chromium is here, in which the tests of the dashboard click.
# Without it and without root those tests skip and say so; in CI a missing browser is a failure.
set -eu

if [ -n "${ABACA_TEST_CHROMIUM:-}" ] || command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; then
    exit 0
fi
if scripts/apt_install.sh chromium "The tests of the dashboard need Chromium, and it is not on PATH."; then
    exit 0
fi
if [ -n "${CI:-}" ]; then
    echo "CI is set, so a missing browser is a failure." >&2
    exit 1
fi
echo "Going on without it: the tests of the dashboard in a browser will be skipped." >&2
