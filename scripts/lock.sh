#!/bin/sh
# Writes constraints.txt anew: the newest versions that pyproject.toml allows, pinned exactly.
# Run it on the oldest supported interpreter, whose backports the newer ones do not need.
set -eu

python=${PYTHON:-$(command -v python3.11 || scripts/find_python.sh)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check hatchling
# redis needs async-timeout below Python 3.11.3, which Debian 12 has, wherever the lock is made.
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[documents,otel,redis,reload,s3,sandbox,server,strategies,webhooks,dev]' async-timeout
# Django's newest needs a newer Python than our oldest, and only it has tasks of its own.
newest_django=$("$work/venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --python-version 3.13 --dest "$work" django && basename "$work"/[dD]jango-*.whl | cut -d- -f2)
{
    echo "# Exact versions of everything \`make setup\` installs. Written by \`make lock\`; do not edit."
    "$work/venv/bin/python" -m pip freeze --exclude-editable |
        sed "s/^\\(Django==.*\\)/\\1; python_version < '3.12'\\nDjango==$newest_django; python_version >= '3.12'/"
} >"$work/constraints.txt"

if grep -q '://' "$work/constraints.txt"; then
    echo "An installed package has an address instead of a version; constraints.txt was left as it was:" >&2
    grep '://' "$work/constraints.txt" >&2
    exit 1
fi
mv "$work/constraints.txt" constraints.txt
