#!/bin/sh
# Sees to it that promtool is here, with which a test checks the alert rules and what /metrics exposes.
# Without it and without root that test skips and says so; in CI a missing promtool is a failure.
set -eu

if command -v promtool >/dev/null; then
    exit 0
fi
if scripts/apt_install.sh prometheus "A test of the metrics needs promtool, and it is not on PATH."; then
    exit 0
fi
if [ -n "${CI:-}" ]; then
    echo "CI is set, so a missing promtool is a failure." >&2
    exit 1
fi
echo "Going on without it: the test that asks promtool will be skipped." >&2
