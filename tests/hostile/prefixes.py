"""Whether what a store kept is what it held after some call of a program: only a suffix may be lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from abaca.backend import Backend
from abaca.backends.memory import MemoryBackend
from abaca.model import Job
from abaca.testing import ManualClock
from abaca.testing.differential import normal, perform
from abaca.testing.programs import Call, ProgramWriter


async def held(store: Backend, ids: Sequence[str]) -> Any:
    """Every job and its log, without what depends on when one looks."""
    jobs = [None if job is None else _timeless(job) for job in await store.get(ids)]
    logs = [await store.updates(id, 0, 2000) for id in ids]
    return normal(jobs), [(history.entries, history.dropped) for history in logs]


def _timeless(job: Job) -> Job:
    return msgspec.structs.replace(job, seen_at=0)


async def program(seed: int, length: int) -> tuple[list[Call], list[str]]:
    """Random calls that write, and the ids that they name."""
    clock = ManualClock()
    calls = await ProgramWriter(seed, MemoryBackend(clock), clock, rewinds=False).write(length, perform)
    writing = [call for call in calls if call.verb not in ("dump", "search", "audit", "get", "updates", "find")]
    ids = {job.id for call in writing if call.verb == "insert" for job in call.args[0]}
    follow = {
        new.id for call in writing if call.verb == "exchange" for settle in call.args[0] for new in settle.to.then
    }
    return writing, sorted(ids | follow)


async def states(calls: Sequence[Call], ids: Sequence[str]) -> list[Any]:
    """What the oracle holds before the first call and after each."""
    clock = ManualClock()
    oracle = MemoryBackend(clock)
    found = [await held(oracle, ids)]
    for call in calls:
        await perform(call, oracle, clock)
        found.append(await held(oracle, ids))
    return found
