#!/bin/sh
# Prints the interpreter that .venv is built from: $PYTHON, or the first one of 3.11 or newer that really runs,
# those with venv and ensurepip first. Prints nothing and exits 1 when there is none.
# A pyenv shim can stand on PATH and refuse to run, so each candidate is run, and is printed as the path it reports.

real_path() {
    "$1" -c 'import sys; sys.version_info >= (3, 11) or sys.exit(1); print(sys.executable)' 2>/dev/null
}

has_venv() {
    "$1" -c 'import venv, ensurepip' 2>/dev/null
}

if [ -n "${PYTHON:-}" ]; then
    real_path "$PYTHON" && exit 0
    echo "PYTHON=$PYTHON does not run, or is older than Python 3.11." >&2
    exit 1
fi

without_venv=
for candidate in python3 python3.13 python3.12 python3.11 python3.14 "${HOME:-/nonexistent}"/.pyenv/versions/3.*/bin/python3; do
    path=$(real_path "$candidate") || continue
    if has_venv "$path"; then
        echo "$path"
        exit 0
    fi
    without_venv=${without_venv:-$path}
done
[ -n "$without_venv" ] && echo "$without_venv"
