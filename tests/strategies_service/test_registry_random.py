"""Many edit at once: no version is lost, numbers have no holes, and ids are unique."""

from __future__ import annotations

import asyncio
import itertools
import random
import tempfile
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abaca import App, Record, Verdict
from abaca_strategies.errors import StrategyNotFound
from abaca_strategies.models import Strategy
from abaca_strategies.registry.recording import Records
from abaca_strategies.registry.strategies import Registry
from abaca_strategies.requests import EditStrategyRequest

CODES = 4
Act = tuple[str, int, int]
"""What to do, with which of the strategies that there are, and which code."""
acts = st.tuples(
    st.sampled_from(("create", "edit", "edit", "edit", "edit", "describe", "delete")),
    st.integers(0, 3),
    st.integers(0, CODES - 1),
)
plans = st.lists(st.lists(acts, min_size=1, max_size=6), min_size=2, max_size=5)
"""Acts in order, for each of those who act at once."""


class Interleaved:
    """Records that let others go first, as a seed decides: a store in this process would answer without a pause."""

    def __init__(self, records: Records, seed: int) -> None:
        self._records = records
        self._random = random.Random(seed)

    async def read(self, kind: str, ids: Sequence[str]) -> list[Record | None]:
        await self._pause()
        return await self._records.read(kind, ids)

    async def put(self, records: Sequence[Record], *, together: bool = False) -> list[Verdict]:
        await self._pause()
        verdicts = await self._records.put(records, together=together)
        await self._pause()
        return verdicts

    async def scan(self, kind: str, after: str = "", limit: int = 100) -> list[Record]:
        await self._pause()
        return await self._records.scan(kind, after, limit)

    async def _pause(self) -> None:
        for _ in range(self._random.randrange(4)):
            await asyncio.sleep(0)  # sleeps: it only lets the others go first


class Players:
    """Those who act at once, and what they were told."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.ids: list[int] = []
        self.deleted: set[int] = set()
        self.told: list[Strategy] = []

    async def create(self, code: int) -> None:
        made = await self.registry.create(name="s", python_code=code_of(code))
        self.ids.append(made.strategy_id)
        self.told.append(made)

    async def play(self, plan: Sequence[Act]) -> None:
        for name, which, code in plan:
            id = self.ids[which % len(self.ids)]
            try:
                if name == "create":
                    await self.create(code)
                elif name == "edit":
                    self.told.append(await self.registry.edit(id, EditStrategyRequest(python_code=code_of(code))))
                elif name == "describe":
                    await self.registry.edit(id, EditStrategyRequest(description=f"{code}"))
                else:
                    await self.registry.delete(id)
                    self.deleted.add(id)
            except StrategyNotFound:
                assert name != "create"


def code_of(number: int) -> str:
    return f"def strategy():\n    return [{number}][:0]\n"


async def play(app: App, seed: int, plan: Sequence[Sequence[Act]]) -> None:
    # Given a strategy, and some who act at once
    players = Players(Registry(Interleaved(app.records, seed)))
    await players.create(0)
    first = players.ids[0]
    # When all have acted
    await asyncio.gather(*(players.play(each) for each in plan))
    # Then ids are unique and have no holes
    assert sorted(players.ids) == list(range(first, first + len(players.ids)))
    for id in players.ids:
        if id in players.deleted:
            with pytest.raises(StrategyNotFound):
                await players.registry.get(id)
            continue
        # And versions have no holes, each differs from the one before, and the newest is the last
        newest = await players.registry.get(id)
        listed = [one.version for one in await players.registry.versions(id)]
        assert listed == list(range(newest.version, 0, -1))
        codes = [(await players.registry.get(id, number)).python_code for number in reversed(listed)]
        assert all(before != after for before, after in itertools.pairwise(codes))
        # And whoever was told of a version finds it as it was told: none was lost or overwritten
        told = [one for one in players.told if one.strategy_id == id]
        assert all(codes[one.version - 1] == one.python_code for one in told)
        assert {one.version for one in told} == set(listed)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), plan=plans)
def test_in_memory(seed: int, plan: list[list[Act]]) -> None:
    async def run() -> None:
        async with App("memory://") as app:
            await play(app, seed, plan)

    asyncio.run(run())


@settings(max_examples=8)
@given(seed=st.integers(0, 2**32), plan=plans)
def test_in_sqlite(seed: int, plan: list[list[Act]]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with App(f"sqlite:///{folder}/jobs.db") as app:
                await play(app, seed, plan)

    asyncio.run(run())


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), plan=plans)
def test_in_redis(redis_url: str, seed: int, plan: list[list[Act]]) -> None:
    async def run() -> None:
        async with App(redis_url) as app:  # what earlier examples left stays: ids go on counting
            await play(app, seed, plan)

    asyncio.run(run())


async def test_many_edits_of_one_strategy_all_become_versions(service: Any) -> None:
    # Given a strategy
    registry: Registry = service.registry
    await registry.create(name="s", python_code=code_of(0))
    # When forty edit it at once, each with code of its own
    edits = [EditStrategyRequest(python_code=code_of(number)) for number in range(1, 41)]
    made = await asyncio.gather(*(registry.edit(1, edit) for edit in edits))
    # Then there are forty versions more, each with its code
    assert sorted(one.version for one in made) == list(range(2, 42))
    kept = {one.version: (await registry.get(1, one.version)).python_code for one in made}
    assert kept == {one.version: one.python_code for one in made}
