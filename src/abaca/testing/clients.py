"""Clients that quarrel over one store and write down all they did and heard, for the judges of ``invariants``."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence

import msgspec

from abaca.backend import Backend
from abaca.model import Beat, Job, Lease, NewJob, Settle, State, Transition, Verdict, Want


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a client asked for and what it heard. ``began`` and ``ended`` are monotonic nanoseconds, which
    the processes of one machine share."""

    kind: str
    client: str
    id: str
    epoch: int = 0
    began: int = 0
    ended: int = 0
    verdict: Verdict | None = None
    to: Transition | None = None
    alive: bool = False


class Client:
    """One claimer with a random temper: it completes, gives back, comes late, says things twice, or falls silent.

    It goes on until the store counts ``expected`` ended jobs, and raises ``TimeoutError`` after ``patience`` seconds.
    """

    def __init__(self, store: Backend, name: str, *, lease_ms: int, expected: int, patience: float = 30.0) -> None:
        self.events: list[Event] = []
        self._store = store
        self._name = name
        self._rng = random.Random(name)
        self._lease = Lease(worker=name, ms=lease_ms)
        self._expected = expected
        self._patience = patience
        self._later: list[tuple[int, Settle]] = []

    async def run(self, jobs: Sequence[NewJob]) -> list[Event]:
        async with asyncio.timeout(self._patience):
            for first in range(0, len(jobs), 10):
                batch = jobs[first : first + 10]
                await self._store.insert(batch)
                if self._rng.random() < 0.3:
                    await self._store.insert(batch)
                await self._round()
            while not await self._is_over():
                await self._round()
        return self.events

    async def _is_over(self) -> bool:
        return sum((await self._store.stats()).totals.values()) >= self._expected

    async def _round(self) -> None:
        now = time.monotonic_ns()
        due = [settle for at, settle in self._later if at <= now]
        self._later = [(at, settle) for at, settle in self._later if at > now]
        claimed = await self._exchange(due)
        if self._rng.random() < 0.3:
            claimed += await self._reclaim()
        for job in claimed:
            self._plan(job)
        if self._rng.random() < 0.3:
            await self._beat(claimed)

    async def _exchange(self, done: list[Settle]) -> list[Job]:
        hold_ms = 0 if self._later or done else 5
        want = Want(queues=("default",), slots={"": self._rng.randint(1, 8)}, hold_ms=hold_ms)
        began = time.monotonic_ns()
        answer = await self._store.exchange(done, want, self._lease)
        ended = time.monotonic_ns()
        for settle, verdict in zip(done, answer.verdicts, strict=True):
            self._note("settle", settle.id, settle.epoch, began, ended, verdict=verdict, to=settle.to)
        self._note_claims(answer.jobs, began, ended)
        return answer.jobs

    async def _reclaim(self) -> list[Job]:
        began = time.monotonic_ns()
        jobs = await self._store.reclaim(5, self._lease)
        self._note_claims(jobs, began, time.monotonic_ns())
        return jobs

    async def _beat(self, jobs: list[Job]) -> None:
        began = time.monotonic_ns()
        pulses = await self._store.beat(None, [Beat(id=job.id, epoch=job.epoch) for job in jobs], self._lease)
        ended = time.monotonic_ns()
        for pulse in pulses:
            self._note("beat", pulse.id, pulse.epoch, began, ended, alive=pulse.alive)

    def _plan(self, job: Job) -> None:
        """Decide when, how and how often this run will be settled; some never are."""
        now = time.monotonic_ns()
        late = now + round(self._lease.ms * 1_000_000 * self._rng.uniform(0.3, 3.0))
        done, other = self._complete(job), self._back(job)
        temper = self._rng.random()
        if temper < 0.5:
            self._later.append((now, done))
        elif temper < 0.65:
            self._later.append((now, other))
        elif temper < 0.75:
            self._later += [(now, done), (now, done), (late, done)]
        elif temper < 0.8:
            self._later += [(now, done), (now, other)]
        elif temper < 0.95:
            self._later.append((late, done))

    def _complete(self, job: Job) -> Settle:
        result = f'"{self._name} {job.id} {job.epoch}"'.encode()
        to = Transition(target=State.COMPLETED, attempts=job.attempts + 1, result=result, keep_ms=3_600_000)
        return Settle(id=job.id, epoch=job.epoch, to=to)

    def _back(self, job: Job) -> Settle:
        to = Transition(target=State.WAITING, attempts=job.attempts + 1, memo=self._name.encode())
        return Settle(id=job.id, epoch=job.epoch, to=to)

    def _note_claims(self, jobs: Sequence[Job], began: int, ended: int) -> None:
        for job in jobs:
            self._note("claim", job.id, job.epoch, began, ended)

    def _note(
        self,
        kind: str,
        id: str,
        epoch: int,
        began: int,
        ended: int,
        *,
        verdict: Verdict | None = None,
        to: Transition | None = None,
        alive: bool = False,
    ) -> None:
        self.events.append(
            Event(
                kind=kind,
                client=self._name,
                id=id,
                epoch=epoch,
                began=began,
                ended=ended,
                verdict=verdict,
                to=to,
                alive=alive,
            )
        )
