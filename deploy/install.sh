#!/bin/sh
# Usage: deploy/install.sh FOLDER [PACKAGE]
# Installs Abaca into a new virtual environment in FOLDER, with the exact versions of constraints.txt. PACKAGE is what
# pip is to install, by default this project with Redis and the service. The Dockerfile runs this, and so may you.
set -eu

folder=$1
package=${2:-.[redis,server,webhooks]}

if [ -e "$folder/bin/abaca" ]; then
    echo "$folder has Abaca already; give another folder, switch to it, and remove the old one when no worker uses it." >&2
    exit 1
fi
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check --constraint constraints.txt "$package"
"$folder/bin/abaca" version
