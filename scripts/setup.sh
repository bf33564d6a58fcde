#!/bin/sh
# Usage: scripts/setup.sh VENV [PYTHON]
# Builds the virtual environment VENV with the locked dependencies and this project in editable form.
# Does nothing when VENV was made for this folder from the present pyproject.toml and constraints.txt.
set -eu

venv=$1
stamp=$venv/.setup-stamp
wanted="$(pwd) $(cat pyproject.toml constraints.txt | cksum)"

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && "$venv/bin/python" -c '' 2>/dev/null; then
    exit 0
fi

python=${2:-$(scripts/find_python.sh)} || {
    echo "Abaca needs Python 3.11 or newer, and none was found. On Debian or Ubuntu: sudo apt-get install python3 python3-venv" >&2
    exit 1
}

if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    scripts/apt_install.sh python3-venv "$python cannot make virtual environments (no venv or ensurepip)." || exit 1
fi

# A copied or moved environment has the old folder in its scripts, and one whose interpreter is gone cannot be mended.
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1 || [ "$(cut -d' ' -f1 "$venv/.setup-folder" 2>/dev/null)" != "$(pwd | cksum | cut -d' ' -f1)" ]; then
    echo "Building $venv with $python"
    rm -rf "$venv"
    "$python" -m venv "$venv"
    pwd | cksum >"$venv/.setup-folder"
fi

# The build backend comes from the constraints too, so the project is built without isolation.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt hatchling
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt \
    --no-build-isolation --editable '.[documents,otel,redis,reload,s3,sandbox,server,strategies,webhooks,dev]'
# pip would compile on one core, and much that nobody loads. What cannot be compiled is none of ours.
"$venv/bin/python" -m compileall -q -j 0 -x '/(faker|moto|mypy|tests?)/' "$venv/lib" >/dev/null 2>&1 || true
echo "$wanted" >"$stamp"
