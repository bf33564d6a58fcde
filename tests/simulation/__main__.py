"""``python -m tests.simulation SEED``: replay a seed and print what was found."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from abaca.verify import Event
from tests.simulation.mutants import MUTANTS
from tests.simulation.world import Outcome, simulate


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("seed", nargs="?", type=int)
    parser.add_argument("--seeds", help="A:B, seeds from A up to B")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), help="change the product to this naive design")
    parser.add_argument("--verbose", action="store_true", help="also print the history and the log of the seed")
    arguments = parser.parse_args()
    if arguments.seeds:
        first, _, last = arguments.seeds.partition(":")
        seeds = range(int(first), int(last))
    else:
        seeds = range(arguments.seed or 0, (arguments.seed or 0) + 1)
    seen: Counter[str] = Counter()
    bad = 0
    began = time.perf_counter()
    for seed in seeds:
        outcome = simulate(seed, mutant=MUTANTS.get(arguments.mutant), verbose=arguments.verbose)
        seen.update(outcome.findings.sometimes)
        if not outcome.ok or len(seeds) == 1:
            bad += not outcome.ok
            print(f"seed {seed}: {'ok' if outcome.ok else 'BROKEN'}, history {outcome.digest()},")
            print(f"  {outcome.seconds:.0f} s of virtual time, {outcome.steps} steps, {len(outcome.events)} events")
            for line in outcome.failures:
                print("  failure:", line)
            for line in outcome.findings.lines() if len(seeds) == 1 else map(str, outcome.findings.violations):
                print("  ", line)
        if arguments.verbose:
            print_story(outcome)
    print(f"{len(seeds)} seeds, {bad} broken, {time.perf_counter() - began:.1f} s")
    for name, count in sorted(seen.items()):
        print(f"  {name}: {count}")
    return 1 if bad else 0


def print_story(outcome: Outcome) -> None:
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
