#!/bin/sh
# Usage: scripts/test.sh PYTHON WORKERS [PYTEST ARGUMENT]...
# Runs the tests with branch coverage. Those that kill and stop processes run after the others: both kinds are disturbed
# by each other. With arguments of your own there is one call of pytest, and they choose what it runs.
set -u

python=$1
workers=$2
shift 2

if [ $# -gt 0 ]; then
    exec "$python" -m pytest -n "$workers" --cov --cov-report=term "$@"
fi

failed=0
"$python" -m pytest -n "$workers" --dist worksteal -m "not chaos" --cov --cov-report= || failed=$?
"$python" -m pytest -n "$workers" --dist worksteal -m chaos --cov --cov-append --cov-report=term || failed=$?
exit "$failed"
