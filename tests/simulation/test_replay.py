"""A seed names one history, whatever the process that replays it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import pytest

from tests.simulation.world import simulate

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("seed", [3, 14])
def test_a_seed_replays_exactly_under_any_hash_seed(seed: int) -> None:
    # When
    told = {_replay(seed, hash_seed) for hash_seed in ("0", "4711")}
    # Then
    assert len(told) == 1
    assert simulate(seed).digest() in told.pop()


def test_a_seed_replays_exactly_while_the_clocks_of_the_machine_jump(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given
    told = simulate(14).digest()
    # When
    jumps = count(step=1000)
    for name in ("time", "monotonic", "perf_counter", "clock_gettime"):
        real = getattr(time, name)
        monkeypatch.setattr(time, name, lambda *given, real=real: real(*given) + next(jumps))
    # Then
    assert simulate(14).digest() == told


def test_another_seed_is_another_history() -> None:
    assert simulate(1).digest() != simulate(2).digest()


def _replay(seed: int, hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-m", "tests.simulation", str(seed)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=250
    )
    return done.stdout.splitlines()[0]
