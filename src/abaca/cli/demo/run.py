"""The demo's course: enqueue, work, kill a worker in the middle, wait for its jobs, gather, count."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from abaca.backend import Backend
from abaca.bulk import at_once, get_many
from abaca.cli.demo.fleet import LEASE_SECONDS, Fleet
from abaca.cli.demo.report import Count
from abaca.cli.demo.screen import Screen
from abaca.cli.demo.tasks import Summary, app, gather, inspect_file
from abaca.codec import new_id
from abaca.errors import AbacaError
from abaca.model import Card, Job, Kind, Query, State, Status

KILL_AT = 0.4
LOOK_EVERY = 0.25
STALLED_SECONDS = 60.0
_MOST_RUNNING = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    url: str
    folder: Path
    files: list[str]
    processes: int
    kill: bool


@dataclass(slots=True)
class Loss:
    """The worker that was killed, the jobs it had in hand, and whether they are back."""

    worker: str
    at: float
    jobs: set[str] = field(default_factory=set)
    back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    queue: str
    count: Count
    summary: Summary


async def run_demo(plan: Plan, screen: Screen) -> Ending:
    """Raises ``AbacaError`` when a worker ends by itself, when nothing moves, and when the store has lost a job."""
    queue = f"demo-{new_id()[-10:-2]}"
    async with app:
        backend = await app.backend()
        screen.say(f"{len(plan.files):,} Python files below {plan.folder}")
        begun = time.monotonic()
        calls = [inspect_file.opts(queue=queue).call(str(plan.folder), path) for path in plan.files]
        ids = [job.id for job in await app.enqueue_many(calls)]
        screen.say(f"enqueued {len(ids):,} jobs in {time.monotonic() - begun:.2f} s; {backend.durability}")
        with Fleet(plan.url, queue) as fleet:
            for _ in range(plan.processes):
                fleet.start()
            course = _Course(plan, screen, fleet, backend, queue, ids)
            await course.work()
            summary = await course.gather()
        count = Count.of(await read_jobs(backend, ids), course.loss.jobs if course.loss else set())
    return Ending(queue=queue, count=count, summary=summary)


class _Course:
    """From the first job to the last."""

    def __init__(self, plan: Plan, screen: Screen, fleet: Fleet, backend: Backend, queue: str, ids: list[str]) -> None:
        self._plan = plan
        self._screen = screen
        self._fleet = fleet
        self._backend = backend
        self._queue = queue
        self._ids = ids
        self._moved = (0, time.monotonic())
        self.loss: Loss | None = None

    async def work(self) -> None:
        """Until every job has ended. Looks at the store, as any other process could."""
        total = len(self._ids)
        while True:
            done, running = await self._look()
            self._screen.bar("analysed", done, total)
            if done == total and await self._all_ended():
                break
            self._guard(done)
            if self._plan.kill and self.loss is None and done >= KILL_AT * total:
                await self._kill_one(running)
            await self._watch_return()
            await asyncio.sleep(LOOK_EVERY)
        await self._watch_return()
        if self._plan.kill and self.loss is None:
            self._screen.say("no worker was killed: the work was over too soon")

    async def gather(self) -> Summary:
        """One more job that reads all results; its own progress moves the bar."""
        handle = await gather.opts(queue=self._queue).enqueue(self._ids)
        async for update in handle.updates():
            if update.kind is Kind.PROGRESS:
                self._screen.bar("gathered", round(update.value["done"]), len(self._ids))
        return await handle.result()

    async def _look(self) -> tuple[int, list[Job]]:
        """How many have ended, as far as two reads one after the other can tell, and the jobs that run."""
        stats = await self._backend.stats()
        waiting = sum(queue.due + queue.later for queue in stats.queues if queue.name == self._queue)
        running = await self._running()
        return max(0, len(self._ids) - waiting - len(running)), running

    async def _running(self) -> list[Job]:
        query = Query(queue=self._queue, status=(Status.RUNNING,), limit=_MOST_RUNNING)
        return (await self._backend.find(query)).jobs

    async def _all_ended(self) -> bool:
        return all(job.state.ended for job in await read_jobs(self._backend, self._ids))

    def _guard(self, done: int) -> None:
        """Raises ``AbacaError`` when a worker ended by itself, and when nothing moves any more."""
        self._fleet.check()
        now = time.monotonic()
        if done != self._moved[0]:
            self._moved = (done, now)
        elif now - self._moved[1] > STALLED_SECONDS:
            raise AbacaError(f"the demo stands still at {done} jobs; its workers say: {self._fleet.last_words()}")

    async def _kill_one(self, running: list[Job]) -> None:
        """SIGKILL the worker that has most in hand, and start another, as a service manager would."""
        victim = self._busiest((await self._backend.stats()).workers, running)
        if victim is None:
            return
        self._fleet.kill(victim.pid)
        loss = self.loss = Loss(worker=victim.id, at=time.monotonic())
        loss.jobs = {job.id for job in await self._running() if job.worker == victim.id}
        self._screen.say(
            f"kill -9 {victim.pid}: {victim.name} is gone with {len(loss.jobs)} jobs in hand; another one starts. "
            f"Their leases end in {LEASE_SECONDS} s at the latest"
        )
        self._fleet.start()

    def _busiest(self, cards: list[Card], running: list[Job]) -> Card | None:
        held = Counter(job.worker for job in running)
        ours = [card for card in cards if self._fleet.owns(card.pid) and held[card.id]]
        return max(ours, key=lambda card: held[card.id], default=None)

    async def _watch_return(self) -> None:
        loss = self.loss
        if loss is None or loss.back:
            return
        jobs = await read_jobs(self._backend, loss.jobs)
        if all(job.worker != loss.worker or job.state is not State.RUNNING for job in jobs):
            loss.back = True
            self._screen.say(f"all {len(jobs)} are back after {time.monotonic() - loss.at:.1f} s")


async def read_jobs(backend: Backend, ids: Iterable[str]) -> list[Job]:
    """Raises ``AbacaError`` when the store has lost one."""
    found: list[Job] = []
    wanted = list(ids)
    for id, job in zip(wanted, await get_many(at_once(backend), wanted), strict=True):
        if job is None:
            raise AbacaError(f"job {id} of the demo is gone from the store")
        found.append(job)
    return found
