"""Applications for a chaos run that must fail: their store breaks a promise on purpose."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from abaca.backend import Backend
from abaca.backends import open_backend
from abaca.model import Exchanged, Inserted, Lease, NewJob, Receipt, Settle, State, Verdict, Want
from abaca.verify import tasks
from abaca.verify.application import VerifyApp

_SABOTAGED = 3


class _Wrapped:
    def __init__(self, inner: Backend) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class LosesOne(_Wrapped):
    """Acknowledges a whole batch, once, of which it stores all but one job."""

    lost = False

    async def insert(self, jobs: Sequence[NewJob]) -> list[Receipt]:
        if self.lost or len(jobs) < 2:
            return await self.inner.insert(jobs)
        self.lost = True
        receipts = await self.inner.insert(jobs[1:])
        return [Receipt(id=jobs[0].id, outcome=Inserted.INSERTED), *receipts]


class AcceptsStale(_Wrapped):
    """Forgets the settles of a few runs, and writes them later, when another run of the same job is under way."""

    def __init__(self, inner: Backend) -> None:
        super().__init__(inner)
        self._late: list[asyncio.Task[None]] = []

    async def exchange(self, done: Sequence[Settle], want: Want | None, lease: Lease) -> Exchanged:
        held = []
        for settle in done:
            if settle.to.target is State.COMPLETED and len(self._late) < _SABOTAGED and await self._is_slow(settle.id):
                held.append(settle)
                self._late.append(asyncio.create_task(self._settle_late(settle, lease)))
        answer = await self.inner.exchange([settle for settle in done if settle not in held], want, lease)
        verdicts = iter(answer.verdicts)
        told = [Verdict.APPLIED if settle in held else next(verdicts) for settle in done]
        return Exchanged(verdicts=told, jobs=answer.jobs)

    async def _is_slow(self, id: str) -> bool:
        job = (await self.inner.get([id]))[0]
        return job is not None and job.spec.task == "slow"

    async def _settle_late(self, settle: Settle, lease: Lease) -> None:
        """As a store would that compares no epochs."""
        while True:
            job = (await self.inner.get([settle.id]))[0]
            if job is None or job.state.ended:
                return
            if job.state is State.RUNNING and job.epoch > settle.epoch:
                stale = Settle(id=settle.id, epoch=job.epoch, to=settle.to)
                await self.inner.exchange([stale], None, lease)
                return
            await asyncio.sleep(0.01)  # sleeps: another worker takes the job over and tells nobody here


class StaleApp(VerifyApp):
    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Backend]:
        async with super().connect() as backend:
            yield cast("Backend", AcceptsStale(backend))


def __getattr__(name: str) -> Any:
    """``lossy`` and ``stale``, made when a process of the run asks for one: only there a store is named."""
    if name == "lossy":
        app = VerifyApp(backend=cast("Backend", LosesOne(open_backend(os.environ["ABACA_URL"]))))
    elif name == "stale":
        app = StaleApp()
    else:
        raise AttributeError(name)
    app.tasks.update(tasks.app.tasks)
    return app
