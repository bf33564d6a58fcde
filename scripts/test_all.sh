#!/bin/sh
# Usage: scripts/test_all.sh WORKERS [PYTEST ARGUMENT]...
# Runs the suite on each of Python 3.11, 3.12 and 3.13 that really runs here, each in an environment of its own.
set -eu

find_version() {
    for candidate in "python$1" "${HOME:-/nonexistent}"/.pyenv/versions/"$1".*/bin/"python$1"; do
        "$candidate" -c 'import sys, venv, ensurepip; print(sys.executable)' 2>/dev/null && return
    done
    return 1
}

ran= missing= failed=
for version in 3.11 3.12 3.13; do
    if ! python=$(find_version "$version"); then
        missing="$missing $version"
        continue
    fi
    echo "== Python $version ($python)"
    scripts/setup.sh ".venv-$version" "$python"
    if scripts/test.sh ".venv-$version/bin/python" "$@"; then
        ran="$ran $version"
    else
        failed="$failed $version"
    fi
done

echo "Passed on:${ran:- none}. Failed on:${failed:- none}. Not found here:${missing:- none}."
[ -n "$ran" ] && [ -z "$failed" ]
