"""500 seeds in shards: no promise broken, and everything worth seeing was seen. `make soak` runs thousands."""

from __future__ import annotations

from collections import Counter

import pytest

from abaca.verify.checker.options import SOMETIMES
from tests.simulation.world import Outcome, simulate

SEEDS = 500
SHARDS = 10

pytestmark = [pytest.mark.slow, pytest.mark.no_cover, pytest.mark.timeout(900)]


@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_seed_breaks_a_promise(shard: int) -> None:
    # Given
    seeds = range(shard * SEEDS // SHARDS, (shard + 1) * SEEDS // SHARDS)
    # When
    outcomes = [simulate(seed) for seed in seeds]
    # Then
    broken = [line for outcome in outcomes if not outcome.ok for line in told(outcome)]
    assert not broken, f"replay with `python -m tests.simulation SEED`: {broken[:10]}"
    assert never_seen(outcomes) == [], "this shard proves less than it says"
    assert never_judged(outcomes) == []


def told(outcome: Outcome) -> list[str]:
    return [f"seed {outcome.seed}: {line}" for line in (*outcome.failures, *map(str, outcome.findings.violations))]


def never_seen(outcomes: list[Outcome]) -> list[str]:
    seen: Counter[str] = Counter()
    for outcome in outcomes:
        seen.update(outcome.findings.sometimes)
    return [name for name in SOMETIMES if not seen[name]]


def never_judged(outcomes: list[Outcome]) -> list[str]:
    """Rules without a single case."""
    judged: Counter[str] = Counter()
    for outcome in outcomes:
        judged.update({rule: report.judged for rule, report in outcome.findings.rules.items()})
    return [rule for rule, count in judged.items() if not count]
