#!/bin/sh
# Sees to it that the small compilers are here with which the compile service is tested.
# What is not here and cannot be installed is left out: its tests skip and say so. In CI a missing one is a failure.
set -eu

missing=
for name in gcc g++ clang tcc; do
    command -v "$name" >/dev/null || missing="$missing $name"
done
if [ -z "$missing" ]; then
    exit 0
fi
if scripts/apt_install.sh "${missing# }" "The compile service is tested with$missing too."; then
    exit 0
fi
if [ -n "${CI:-}" ]; then
    echo "CI is set, so a missing compiler is a failure." >&2
    exit 1
fi
echo "Going on without: tests of these compilers will be skipped." >&2
