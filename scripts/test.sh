#!/bin/sh
# Usage: scripts/test.sh PYTHON WORKERS [PYTEST ARGUMENT]...
# Runs the tests with branch coverage. Those that kill and stop processes run after the others: both kinds are disturbed
# by each other. With arguments of your own there is one call of pytest, and they choose what it runs.
#
# There are more processes than WORKERS, which is the number of cores: many tests wait, for a lease, a beat, or another
# process. Those that kill and stop processes wait most.
set -u

python=$1
workers=$2
shift 2

if [ $# -gt 0 ]; then
    exec "$python" -m pytest -n "$workers" --cov --cov-report=term "$@"
fi

failed=0
in_memory=$(scripts/memory_folder.sh) # what tests prove about a disk, they prove by the calls made or on one of their own
PYTEST_DEBUG_TEMPROOT=$in_memory "$python" -m pytest -n $((workers + (workers + 1) / 2)) --dist worksteal \
    -m "not chaos" --cov --cov-report= || failed=$?
"$python" -m pytest -n $((workers * 2)) --dist worksteal \
    -m chaos --cov --cov-append --cov-report=term || failed=$?
exit "$failed"
