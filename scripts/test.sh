#!/bin/sh
# Usage: scripts/test.sh PYTHON WORKERS [PYTEST ARGUMENT]...
# Runs the tests; with COVERAGE=1 and branch coverage, which makes them take twice the processor's time. Those that kill and stop processes run after the others: both kinds are disturbed
# by each other. With arguments of your own there is one call of pytest, and they choose what it runs.
#
# There are more processes than WORKERS, which is the number of cores: many tests wait, for a lease, a beat, or another
# process. Those that kill and stop processes wait most.
set -u

python=$1
workers=$2
shift 2
measure=''
more=''
report=''
if [ -n "${COVERAGE:-}" ]; then
    measure='--cov --cov-report='
    more='--cov-append'
    report='--cov-report=term'
fi

if [ $# -gt 0 ]; then
    # shellcheck disable=SC2086 # several options or none
    exec "$python" -m pytest -n "$workers" $measure $report "$@"
fi

failed=0
most=$((workers * 2))
# In memory: what a test proves about a disk, it proves by the calls that are made, or on a disk of its own.
PYTEST_DEBUG_TEMPROOT=$(scripts/memory_folder.sh)
export PYTEST_DEBUG_TEMPROOT
# shellcheck disable=SC2086
"$python" -m pytest -n "$most" --dist worksteal -m "not chaos" $measure || failed=$?
unset PYTEST_DEBUG_TEMPROOT
most=$((workers * 5 / 2))
where=$(grep -rl --include='test_*.py' 'mark\.chaos' tests) # the others need not be loaded by each process
# shellcheck disable=SC2086 # names of files without blanks
"$python" -m pytest -n "$most" --dist worksteal -m chaos $measure $more $report $where || failed=$?
exit "$failed"
