"""``python -m benchmarks``: this project beside the raw floor; with ``--peers``, other job queues as well."""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Sequence

from benchmarks import harness, report
from benchmarks.harness import BadChoice, Plan
from benchmarks.server import PERSISTENCE, MissingServer, redis_binary


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--peers", action="store_true", help="measure other job queues too, each in its own environment"
    )
    parser.add_argument("--only", type=_names, default=[], metavar="NAME,..", help="these contenders, and the floor")
    parser.add_argument("--workload", type=_names, default=[], metavar="NAME,..", help="these workloads")
    parser.add_argument("--jobs", type=int, default=None, help="size of a drain by a fast contender (40000)")
    parser.add_argument("--rounds", type=int, default=None, help="interleaved rounds, of which the median counts (3)")
    parser.add_argument("--quick", action="store_true", help="2000 jobs, one round: does it run at all?")
    parser.add_argument("--persistence", choices=list(PERSISTENCE), default="none", help="of Redis, for everybody")
    parser.add_argument("--name", default=None, help="of the files in benchmarks/results")
    parser.add_argument("--no-save", action="store_true", help="print the table only")
    return parser.parse_args(arguments)


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def main(arguments: Sequence[str]) -> int:
    asked = parse(arguments)
    try:
        redis_binary()
        chosen = harness.choose_contenders(asked.peers, asked.only)
        workloads = harness.choose_workloads(asked.workload)
    except (BadChoice, MissingServer) as reason:
        print(reason, file=sys.stderr)
        return 2
    versions = harness.prepare(chosen)
    plan = Plan(
        tuple(contender for contender in chosen if contender.name in versions),
        workloads,
        asked.jobs or (2_000 if asked.quick else 40_000),
        asked.rounds or (1 if asked.quick else 3),
        asked.persistence,
    )
    table = harness.cells(plan)
    facts = report.machine()
    try:
        harness.measure(plan, table)
    except KeyboardInterrupt:
        harness.say("interrupted: the table has what was measured so far")
    run = report.Run(
        asked.name or ("peers" if asked.peers else "own"),
        datetime.datetime.now(datetime.UTC).date().isoformat(),
        plan.rounds,
        plan.jobs,
        plan.persistence,
        versions,
        {**facts, "load after": report.load()},
        table,
    )
    print(report.markdown(run))
    if not asked.no_save:
        harness.say(f"saved in {report.save(run)}")
    return 1 if any(cell.error for cell in table) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
