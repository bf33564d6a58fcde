"""The judge is trusted only because it catches each naive design."""

from __future__ import annotations

import pytest

from tests.simulation.mutants import MUTANTS
from tests.simulation.world import simulate

SEEDS = 200
"""Of a changed product each seed is another history, and some mutants show in one of forty."""


@pytest.mark.slow
@pytest.mark.no_cover
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_a_naive_design_is_caught(name: str) -> None:
    # Given
    mutant = MUTANTS[name]
    # When
    seeds = sorted(range(SEEDS), key=lambda seed: (seed != mutant.seed, seed))
    caught = next((seed for seed in seeds if _breaks(seed, name)), None)
    # Then
    assert caught is not None, f"mutant {name} ({mutant.what}) survived {SEEDS} seeds"


def _breaks(seed: int, name: str) -> bool:
    findings = simulate(seed, mutant=MUTANTS[name]).findings
    return any(findings.rules[rule].broken for rule in MUTANTS[name].rules)


def test_every_naive_design_has_a_mutant() -> None:
    assert set("abcdefghijklmnopq") <= set(MUTANTS)
