"""Random programs of calls, answered alike by every store and by the one in memory.

The seeds are fixed; ABACA_TEST_SEED moves them, to look elsewhere. A failure prints its seed and a short program.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from abaca.backend import Backend
from abaca.backends import open_backend
from abaca.backends.memory import MemoryBackend
from abaca.model import Record, Verdict
from abaca.testing import ManualClock
from abaca.testing.differential import Difference, OpenStore, check_seed

CALLS = 500
SEEDS = range(40)
"""Twenty thousand calls to each store."""
FIRST_SEED = int(os.environ.get("ABACA_TEST_SEED", "0"))

pytestmark = pytest.mark.no_cover  # the same lines thousands of times; every one of them has a test of its own


def opener(next_url: Callable[[], str]) -> OpenStore:
    @asynccontextmanager
    async def open_store(clock: ManualClock) -> AsyncIterator[Backend]:
        backend = open_backend(next_url(), clock)
        await backend.open()
        try:
            yield backend
        finally:
            await backend.close()

    return open_store


memory = opener(lambda: "memory://")


def files(folder: Path) -> OpenStore:
    """A fresh file for every run of a program."""
    numbers = count()
    return opener(lambda: f"sqlite:///{folder / f'{next(numbers)}.db'}?synchronous=off")


def prefixes(redis_url: str) -> OpenStore:
    """Other keys for every run of a program."""
    numbers = count()
    return opener(lambda: f"{redis_url}?prefix=run{next(numbers)}")


async def compare(seed: int, tested: OpenStore) -> None:
    """Half of the seeds let the clock step back."""
    seed += FIRST_SEED
    assert await check_seed(seed, CALLS, memory, tested, rewinds=seed % 2 == 1) >= CALLS


@pytest.mark.parametrize("seed", SEEDS)
async def test_sqlite_answers_as_memory_does(seed: int, tmp_path: Path) -> None:
    # When five hundred random calls are made on both stores
    # Then every answer and all that is stored is equal
    await compare(seed, files(tmp_path))


@pytest.mark.redis
@pytest.mark.parametrize("seed", SEEDS)
async def test_redis_answers_as_memory_does(seed: int, redis_url: str) -> None:
    # When five hundred random calls are made on both stores
    # Then every answer and all that is stored is equal
    await compare(seed, prefixes(redis_url))


class Forgetful(MemoryBackend):
    """A store with a fault: a record that was put three times is lost."""

    async def put(self, records: Sequence[Record], together: bool = False) -> list[Verdict]:
        verdicts = await super().put(records, together)
        for record in records:
            if record.version == 2:
                self._records.pop((record.kind, record.id), None)
        return verdicts


async def test_a_fault_is_found_and_told_in_a_short_program() -> None:
    # Given a store that loses what was put three times
    @asynccontextmanager
    async def faulty(clock: ManualClock) -> AsyncIterator[Backend]:
        yield Forgetful(clock)

    # When it is compared on the first seeds
    message = ""
    for seed in range(20):
        try:
            await check_seed(seed, CALLS, memory, faulty)
        except Difference as difference:
            message = str(difference)
            break
    # Then the message holds a seed and the few calls that show it
    assert message.startswith("seed ")
    assert 3 <= message.count("  Call(") <= 8
