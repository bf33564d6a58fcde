"""``python -m tests.simulation SEED``: replay a seed and print what was found, and what was seen on the way."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial

from abaca.verify import Event
from abaca.verify.checker.options import SOMETIMES
from tests.simulation.mutants import MUTANTS
from tests.simulation.world import Outcome, simulate


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", nargs="?", type=int, default=0)
    parser.add_argument("--seeds", metavar="A:B", help="all seeds from A up to B")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), help="change the product to this naive design")
    parser.add_argument("--jobs", type=int, default=1, help="how many processes share the seeds")
    parser.add_argument("--story", action="store_true", help="also print the history and the log lines")
    arguments = parser.parse_args()
    if arguments.seeds:
        first, last = (int(part) for part in arguments.seeds.split(":"))
        return _many(range(first, last), arguments.mutant, arguments.jobs)
    outcome = _one(arguments.seed, arguments.mutant, story=arguments.story)
    print(f"seed {outcome.seed}: {'ok' if outcome.ok else 'BROKEN'}, history {outcome.digest()},")
    print(f"  {outcome.seconds:.0f} s of virtual time, {outcome.steps} steps, {len(outcome.events)} events")
    for line in [*outcome.failures, *outcome.findings.lines()]:
        print(line)
    if arguments.story:
        _tell(outcome)
    return 0 if outcome.ok else 1


def _one(seed: int, mutant: str | None, *, story: bool = False) -> Outcome:
    return simulate(seed, mutant=MUTANTS[mutant] if mutant else None, verbose=story)


def _many(seeds: range, mutant: str | None, jobs: int) -> int:
    began = time.perf_counter()
    seen: Counter[str] = Counter()
    judged: Counter[str] = Counter()
    broken = 0
    for seed, outcome in zip(seeds, _outcomes(seeds, mutant, jobs), strict=True):
        seen.update(outcome.findings.sometimes)
        judged.update({rule: report.judged for rule, report in outcome.findings.rules.items()})
        if not outcome.ok:
            broken += 1
            print(f"seed {seed}: BROKEN")
            for line in [*outcome.failures, *map(str, outcome.findings.violations)]:
                print(f"  {line}", flush=True)
    print(f"{len(seeds)} seeds, {broken} broken, {time.perf_counter() - began:.0f} s; seen:")
    for name in SOMETIMES:
        print(f"  {seen[name]:8} {name}")
    print("judged: " + ", ".join(f"{rule} {count}" for rule, count in judged.items()))
    return 1 if broken or not all(seen[name] for name in SOMETIMES) else 0


def _outcomes(seeds: Iterable[int], mutant: str | None, jobs: int) -> Iterator[Outcome]:
    """In order. Each process works on the next seeds that are free."""
    judge = partial(_summary, mutant=mutant)
    if jobs == 1:
        yield from map(judge, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(judge, seeds, chunksize=5)


def _summary(seed: int, mutant: str | None) -> Outcome:
    """Without its history, which nobody reads when there are many."""
    outcome = _one(seed, mutant)
    outcome.events.clear()
    return outcome


def _tell(outcome: Outcome) -> None:
    """Events and log lines in the order of time."""
    lines = [(event.mono, f"{event.mono:9.3f} {_told(event)}") for event in outcome.events]
    lines += [(float(line.split()[0]), line) for line in outcome.logged]
    for _, line in sorted(lines, key=lambda pair: pair[0]):
        print(line)


def _told(event: Event) -> str:
    what = f"{event.p} {event.src.value}/{event.f}/{event.type.value}"
    return f"{what} {event.j[-6:]} {event.op} epoch={event.tok} attempt={event.att} {event.val}"


if __name__ == "__main__":
    sys.exit(main())
