"""A worker in two lines and a store that can be watched, for tests of the face."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import msgspec

from abaca import App, BackendUnavailable
from abaca.backends.hub import HubWatch
from abaca.backends.memory import MemoryBackend
from abaca.model import Hint, History, Job, Lease, NewJob, Receipt, Settle, Transition, Want
from abaca.policy.decide import decide
from abaca.policy.outcome import Outcome, Returned

LEASE = Lease(worker="test", ms=15_000)
SLOTS = {"async": 1000, "thread": 1000, "process": 1000}


async def claim(app: App, *queues: str) -> list[Job]:
    """Claim everything that is due, as a worker would."""
    want = Want(queues=queues or ("default",), slots=dict(SLOTS))
    return (await (await app.backend()).exchange([], want, LEASE)).jobs


async def claim_next(app: App) -> list[Job]:
    """The same, waiting until something is due."""
    want = Want(queues=("default",), slots=dict(SLOTS), hold_ms=10_000)
    return (await (await app.backend()).exchange([], want, LEASE)).jobs


async def settle(app: App, job: Job, outcome: Outcome) -> Transition:
    """End a claimed run."""
    to = decide(job, outcome, lambda: 0.5)
    await (await app.backend()).exchange([Settle(id=job.id, epoch=job.epoch, to=to)], None, LEASE)
    return to


def returned(value: object) -> Returned:
    return Returned(result=msgspec.json.encode(value))


async def finish(app: App, value: object = None, *queues: str) -> list[Job]:
    """Claim everything that is due and complete it with one value."""
    jobs = await claim(app, *queues)
    for job in jobs:
        await settle(app, job, returned(value))
    return jobs


async def finish_next(app: App, value: object = None) -> None:
    """Wait until something is due, and complete it."""
    for job in await claim_next(app):
        await settle(app, job, returned(value))


class DeafWatch:
    """A subscription whose hints are all lost."""

    def __init__(self) -> None:
        self._never = asyncio.Event()

    async def next(self, timeout: float) -> Hint | None:
        try:
            async with asyncio.timeout(timeout):
                await self._never.wait()
        except TimeoutError:
            pass
        return None

    async def close(self) -> None: ...


class CountedWatch:
    """A subscription that tells its store when it is closed."""

    def __init__(self, store: WatchedStore, inner: HubWatch | DeafWatch) -> None:
        self._store = store
        self._inner = inner

    async def next(self, timeout: float) -> Hint | None:
        return await self._inner.next(timeout)

    async def close(self) -> None:
        self._store.watching -= 1
        await self._inner.close()


class WatchedStore(MemoryBackend):
    """The memory store, with its calls counted, and away or deaf when a test says so."""

    def __init__(self, *, deaf: bool = False) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.away: Counter[str] = Counter()
        self.inserted: list[int] = []
        self.watching = 0
        self.watched = asyncio.Event()
        self.was_read = asyncio.Event()
        self._deaf = deaf

    def _call(self, verb: str) -> None:
        self.calls[verb] += 1
        if self.away[verb] > 0:
            self.away[verb] -= 1
            raise BackendUnavailable("the store is away")

    async def insert(self, jobs: Sequence[NewJob]) -> list[Receipt]:
        self._call("insert")
        self.inserted.append(len(jobs))
        return await super().insert(jobs)

    async def get(self, ids: Sequence[str]) -> list[Job | None]:
        self._call("get")
        self.was_read.set()
        return await super().get(ids)

    async def updates(self, id: str, after: int, limit: int) -> History:
        self._call("updates")
        return await super().updates(id, after, limit)

    async def watch(self, topics: Sequence[str]) -> CountedWatch:  # type: ignore[override]
        self._call("watch")
        self.watching += 1
        self.watched.set()
        return CountedWatch(self, DeafWatch() if self._deaf else await super().watch(topics))
