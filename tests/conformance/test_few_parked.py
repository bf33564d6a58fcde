"""The random programs again, on stores of which one act parks and lets back two jobs: so that more are often left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from abaca.backends.memory import buckets, waiting
from abaca.backends.redis import scripts
from abaca.backends.sqlite import claims, limits
from tests.conformance.test_differential import compare, opener

FEW = 2
SEEDS = range(100, 115)


@pytest.fixture(autouse=True)
def few_parked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for module in (buckets, waiting, claims, limits):
        monkeypatch.setattr(module, "MOST_PARKED", FEW)
    source = scripts._source
    said = "local MOST_PARKED = 1000"
    assert said in source("limits")
    monkeypatch.setattr(scripts, "_source", lambda name: source(name).replace(said, f"local MOST_PARKED = {FEW}"))
    scripts.library.cache_clear()
    yield
    scripts.library.cache_clear()


@pytest.mark.parametrize("seed", SEEDS)
async def test_sqlite_answers_as_memory_does(seed: int, tmp_path: Path) -> None:
    # Given a fresh file for every run of a program
    numbers = iter(range(10_000))
    tested = opener(lambda: f"sqlite:///{tmp_path / f'{next(numbers)}.db'}?synchronous=off")
    # When five hundred random calls are made on both stores
    # Then every answer and all that is stored is equal
    await compare(seed, tested)


@pytest.mark.redis
@pytest.mark.parametrize("seed", SEEDS)
async def test_redis_answers_as_memory_does(seed: int, redis_url: str) -> None:
    # Given other keys for every run of a program
    numbers = iter(range(10_000))
    tested = opener(lambda: f"{redis_url}?prefix=run{next(numbers)}")
    # When five hundred random calls are made on both stores
    # Then every answer and all that is stored is equal
    await compare(seed, tested)
