"""Waiting for jobs to end: one registry per event loop, however many wait.

Subscribe, confirm, then read, then wait for hints. Waits that begin together share a subscription. One timer reads all
waited jobs again every poll interval, in batches, so a lost hint costs at most that. At most one read is under way;
what is asked for meanwhile goes into the next.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from abaca.backend import MAX_BATCH, Attendance, Attentive, Backend
from abaca.errors import BackendUnavailable
from abaca.jobresult import keeps_nothing
from abaca.model import Hint, Job, NewJob, job_topic

MAX_TOPICS = 100
"""How many jobs share a subscription; few enough that a burst of hints about them fits into a watch's queue."""
LOOK_SOON = 0.003
"""Seconds before a read that a hint with the ended job will most likely make needless."""
WATCH_SPELL = 600.0
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0


class Waiter:
    """One wait for one job's end. ``future`` gets the ended job, or ``None`` when there is no such job.

    ``known`` says that the store has acknowledged the job, so that a read may judge it. ``needs_value`` ends the wait
    also for a job that will store no result.
    """

    __slots__ = ("attendance", "future", "group", "id", "known", "needs_value")

    def __init__(self, id: str, group: _Group | None, *, known: bool, needs_value: bool) -> None:
        self.id = id
        self.group = group
        self.attendance: Attendance | None = None
        self.known = known
        self.needs_value = needs_value
        self.future: asyncio.Future[Job | None] = asyncio.get_running_loop().create_future()


class _Group:
    """Waiters that share one subscription."""

    __slots__ = ("closing", "confirmed", "members", "task")

    def __init__(self) -> None:
        self.members: set[Waiter] = set()
        self.confirmed = False
        self.closing = False
        self.task: asyncio.Task[None] | None = None


class Waiting:
    """The waits of one event loop on one store."""

    def __init__(self, backend: Callable[[], Awaitable[Backend]], poll_interval: float) -> None:
        self.last_error: Exception | None = None
        self._backend = backend
        self._poll_interval = poll_interval
        self._waiters: dict[str, set[Waiter]] = {}
        self._forming: _Group | None = None
        self._due: dict[str, None] = {}
        self._soon: dict[str, None] = {}
        self._soon_timer: asyncio.TimerHandle | None = None
        self._poll_timer: asyncio.TimerHandle | None = None
        self._reader: asyncio.Task[None] | None = None
        self._groups: set[_Group] = set()

    def add(self, id: str, *, known: bool = True, needs_value: bool = False) -> Waiter:
        """Begin to wait. The subscription is made in this turn of the loop; ``discard`` must follow."""
        loop = asyncio.get_running_loop()
        group = self._forming
        if group is None or len(group.members) >= MAX_TOPICS:
            group = self._forming = _Group()
            self._groups.add(group)
            loop.call_soon(self._launch, group)
        waiter = Waiter(id, group, known=known, needs_value=needs_value)
        group.members.add(waiter)
        self._enter(waiter, loop)
        return waiter

    def attend(self, store: Attentive, job: NewJob) -> tuple[Waiter, Attendance] | None:
        """Begin to wait for a job that the caller now inserts with what this answers. ``discard`` must follow."""
        waiter = Waiter(job.id, None, known=False, needs_value=True)
        attendance = waiter.attendance = store.attend(job, self._told)
        if attendance is None:
            return None
        self._enter(waiter, asyncio.get_running_loop())
        return waiter, attendance

    def _enter(self, waiter: Waiter, loop: asyncio.AbstractEventLoop) -> None:
        self._waiters.setdefault(waiter.id, set()).add(waiter)
        if self._poll_timer is None:
            self._poll_timer = loop.call_later(self._poll_interval, self._poll)

    def acknowledge(self, waiter: Waiter) -> None:
        """The store has the job now. A hint normally brings its end; a look soon covers one that came too early."""
        waiter.known = True
        if waiter.group is not None and waiter.group.confirmed and not waiter.future.done():
            self._look_soon(waiter.id)

    def look(self, waiter: Waiter) -> None:
        """Its hints may be lost until now."""
        if not waiter.future.done():
            self._look_soon(waiter.id)

    def discard(self, waiter: Waiter) -> None:
        """End a wait, whether or not it was answered."""
        waiter.future.cancel()
        self._drop(waiter)
        if waiter.attendance is not None:
            waiter.attendance.close()
            waiter.attendance = None
        group = waiter.group
        if group is not None and not group.members and group.task is not None and not group.closing:
            group.closing = True
            group.task.cancel()

    async def close(self) -> None:
        tasks = [group.task for group in self._groups if group.task is not None]
        if self._reader is not None:
            tasks.append(self._reader)
        for timer in (self._soon_timer, self._poll_timer):
            if timer is not None:
                timer.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for waiters in list(self._waiters.values()):
            for waiter in list(waiters):
                waiter.future.cancel()

    def _drop(self, waiter: Waiter) -> None:
        if waiter.group is not None:
            waiter.group.members.discard(waiter)
        waiters = self._waiters.get(waiter.id)
        if waiters is not None:
            waiters.discard(waiter)
            if not waiters:
                del self._waiters[waiter.id]

    def _resolve(self, id: str, job: Job | None) -> None:
        for waiter in list(self._waiters.get(id, ())):
            if job is not None or waiter.known:
                self._answer(waiter, job)

    def _answer(self, waiter: Waiter, job: Job | None) -> None:
        if not waiter.future.done():
            waiter.future.set_result(job)
        self._drop(waiter)

    def _fail(self, ids: list[str], error: Exception) -> None:
        for id in ids:
            for waiter in list(self._waiters.get(id, ())):
                if not waiter.future.done():
                    waiter.future.set_exception(error)
                self._drop(waiter)

    def _launch(self, group: _Group) -> None:
        if self._forming is group:
            self._forming = None
        if group.members:
            group.task = asyncio.get_running_loop().create_task(self._follow(group))
            group.task.add_done_callback(lambda _: self._groups.discard(group))
        else:
            self._groups.discard(group)

    async def _follow(self, group: _Group) -> None:
        """Keep a group subscribed until its last member is answered."""
        pause = FIRST_PAUSE
        while group.members:
            try:
                backend = await self._backend()
                watch = await backend.watch([job_topic(waiter.id) for waiter in group.members])
                try:
                    self._confirmed(group)
                    pause = FIRST_PAUSE
                    while group.members:
                        hint = await watch.next(WATCH_SPELL)
                        if hint is not None:
                            self._hinted(hint, group)
                finally:
                    group.closing = not group.members
                    await watch.close()
            except BackendUnavailable as error:
                self.last_error = error
                group.confirmed = False
                await asyncio.sleep(pause * (0.5 + random.random()))
                pause = min(pause * 2, LONGEST_PAUSE)
            except Exception as error:  # a bug or a damaged store: those who wait should hear it
                self._fail([waiter.id for waiter in group.members], error)

    def _confirmed(self, group: _Group) -> None:
        group.confirmed = True
        self._read_now([waiter.id for waiter in group.members if waiter.known])

    def _told(self, hint: Hint) -> None:
        if hint.job is not None and hint.job.state.ended:
            self._resolve(hint.job.id, hint.job)
        else:
            self._look_soon(hint.topic.partition(":")[2])

    def _hinted(self, hint: Hint, group: _Group) -> None:
        kind, _, id = hint.topic.partition(":")
        if hint.job is not None and hint.job.state.ended:
            self._resolve(hint.job.id, hint.job)
        elif kind == "job" and id in self._waiters:
            self._look_soon(id)  # most likely a claim or a progress report, with the end not far behind
        elif kind != "job":
            self._read_now([waiter.id for waiter in group.members if waiter.known])

    def _look_soon(self, id: str) -> None:
        self._soon[id] = None
        if self._soon_timer is None:
            self._soon_timer = asyncio.get_running_loop().call_later(LOOK_SOON, self._look)

    def _look(self) -> None:
        self._soon_timer = None
        ids, self._soon = list(self._soon), {}
        self._read_now([id for id in ids if self._judgeable(id)])

    def _poll(self) -> None:
        self._poll_timer = None
        if self._waiters:
            self._poll_timer = asyncio.get_running_loop().call_later(self._poll_interval, self._poll)
            self._read_now([id for id in self._waiters if self._judgeable(id)])

    def _judgeable(self, id: str) -> bool:
        return any(waiter.known for waiter in self._waiters.get(id, ()))

    def _read_now(self, ids: list[str]) -> None:
        self._due.update(dict.fromkeys(ids))
        if self._due and (self._reader is None or self._reader.done()):
            self._reader = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        while self._due:
            waited = [id for id in self._due if id in self._waiters]
            batch = waited[:MAX_BATCH]
            self._due = dict.fromkeys(waited[MAX_BATCH:])
            if not batch:
                return
            try:
                backend = await self._backend()
                jobs = await backend.get(batch)
            except BackendUnavailable as error:
                self.last_error = error  # the next poll, or the next hint, reads again
            except Exception as error:
                self._fail(batch, error)
            else:
                self.last_error = None
                for id, job in zip(batch, jobs, strict=True):
                    self._judge(id, job)

    def _judge(self, id: str, job: Job | None) -> None:
        if job is None or job.state.ended:
            self._resolve(id, job)
        elif keeps_nothing(job):
            for waiter in list(self._waiters.get(id, ())):
                if waiter.needs_value:
                    self._answer(waiter, job)
