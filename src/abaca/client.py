"""One event loop's way to the store: enqueues that travel together, calls that are repeated, waits that are shared."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from abaca.backend import MAX_BATCH, MAX_BATCH_BYTES, Attendance, Attentive, Backend
from abaca.buggify import buggify
from abaca.carrying import Stamp, stamped
from abaca.codec import is_reference
from abaca.errors import BackendUnavailable, DuplicateJob, JobNotFound, ResultTimeout
from abaca.model import Inserted, Job, NewJob, Receipt
from abaca.patience import PATIENCE, insist, refusal, refusals
from abaca.places import Blobs
from abaca.waiting import Waiter, Waiting

PAUSES = (0.05, 0.2, 0.8)
"""Seconds before each repetition of a call to a store that was away, before jitter."""

T = TypeVar("T")

BULK_BATCH = 250
"""Jobs in one round trip of a bulk enqueue: few enough that making and storing overlap."""
_BULK_UNDER_WAY = 3


class Host(Protocol):
    """Whoever has a client for the running event loop: the app."""

    def client(self) -> Client: ...


class Client:
    """What tasks and handles use of the store. It belongs to the event loop that it was made in."""

    def __init__(
        self,
        open_backend: Callable[[], Awaitable[Backend]],
        poll_interval: float,
        blobs: Blobs | None = None,
        stamp: Stamp | None = None,
    ) -> None:
        self.blobs = blobs or Blobs()
        self.stamp = stamp
        self._open_backend = open_backend
        self._opened: Backend | None = None
        self._attentive: Attentive | None = None
        self._attending = False
        self._loop = asyncio.get_running_loop()
        self._pending: list[tuple[NewJob, asyncio.Future[Receipt]]] = []
        self._sending: set[asyncio.Task[None]] = set()
        self._parting: set[asyncio.Task[Receipt]] = set()
        self.waiting = Waiting(self.backend, poll_interval)
        self.poll_interval = poll_interval
        self.followers = 0
        """How many read what is stored of a job while it grows."""

    async def backend(self) -> Backend:
        if self._opened is None:
            self._opened = await self._open_backend()
            self._attentive = self._opened if isinstance(self._opened, Attentive) else None
        return self._opened

    async def close(self) -> None:
        """Send what was handed over, and end all waits."""
        await asyncio.gather(*self._parting, return_exceptions=True)
        self._flush()
        await asyncio.gather(*self._sending, return_exceptions=True)
        await self.waiting.close()
        self._opened = self._attentive = None

    async def ask(self, verb: Callable[[Backend], Awaitable[T]]) -> T:
        """Call a verb that may be repeated blindly; while the store is away, a few times with growing pauses.

        Raises ``BackendUnavailable`` when it stays away.
        """
        for pause in PAUSES:
            try:
                return await verb(await self.backend())
            except BackendUnavailable:
                await asyncio.sleep(pause * (0.5 + random.random()))
        return await verb(await self.backend())

    def insert(self, job: NewJob) -> asyncio.Future[Receipt]:
        """Hand over one job. Jobs handed over in the same turn of the loop travel in one insert.

        One whose arguments are large follows when they are in their place; raises ``PlaceUnavailable`` as well.
        """
        job = stamped(job, self.stamp)
        if len(job.args) > self.blobs.above:
            task = self._loop.create_task(self._insert_parted(job))
            self._parting.add(task)
            task.add_done_callback(self._parting.discard)
            return task
        return self._hand_over(job)

    async def _insert_parted(self, job: NewJob) -> Receipt:
        return await self._hand_over(await self._parted(job))

    async def _parted(self, job: NewJob) -> NewJob:
        if len(job.args) <= self.blobs.above:
            return job
        return await self.blobs.send_arguments(await self.backend(), job)

    async def parted(self, jobs: list[NewJob]) -> list[NewJob]:
        """The jobs with references in place of large arguments, for inserts that follow at once; see ``Blobs``.

        Raises ``PlaceUnavailable`` and ``PayloadTooLarge``; nothing is stored then.
        """
        if all(len(job.args) <= self.blobs.above for job in jobs):
            return jobs
        if self.blobs.elsewhere:
            await self.blobs.space(await self.backend())
        return await asyncio.gather(*map(self._parted, jobs))

    def _hand_over(self, job: NewJob) -> asyncio.Future[Receipt]:
        receipt: asyncio.Future[Receipt] = self._loop.create_future()
        if not self._pending:
            self._loop.call_soon(self._flush)
        self._pending.append((job, receipt))
        return receipt

    async def insist(self, job: NewJob, receipt: Receipt, patience: float | None) -> Receipt:
        """Wait for room in the full queue that refused a job, at most so many seconds; answers the last receipt."""
        (parted,) = await self.parted([job])
        (latest,) = await insist(self._hand_over_all, [parted], [receipt], lambda _: _seconds(patience))
        return latest

    async def insert_whole(self, batch: list[NewJob]) -> list[Receipt]:
        """Insert jobs that stand or fall together; where a full queue asks for it, all of them again for a while."""
        receipts = await self._insert(batch)

        async def insert_again(_: list[NewJob]) -> list[Receipt]:
            nonlocal receipts
            receipts = await self._insert(batch)
            return [_told_to_wait(receipts) or receipts[0]]

        waits = _told_to_wait(receipts)
        if waits is not None:
            await insist(insert_again, batch[:1], [waits], lambda _: PATIENCE)
        return receipts

    async def _hand_over_all(self, jobs: list[NewJob]) -> list[Receipt]:
        return await asyncio.gather(*map(self._hand_over, jobs))

    async def insert_many(
        self, jobs: Iterable[NewJob], patience: Callable[[NewJob], float | None] = lambda _: None
    ) -> list[Receipt]:
        """Receipts in order. Raises ``EnqueueRefused`` after the last one.

        ``patience``: for how many seconds a job waits for room in a full queue that asks for it.
        While the store works on one batch the next is being made: the batches leave in order, a few are under way.
        """
        receipts: list[Receipt] = []
        under_way: deque[asyncio.Task[list[Receipt]]] = deque()
        try:
            for batch in batches((stamped(job, self.stamp) for job in jobs), BULK_BATCH):
                under_way.append(self._loop.create_task(self._insert_part(batch, patience)))
                await asyncio.sleep(0)  # it leaves before the next is made
                if len(under_way) == _BULK_UNDER_WAY:
                    receipts += await under_way.popleft()
            while under_way:
                receipts += await under_way.popleft()
        finally:
            if under_way:
                await asyncio.gather(*under_way, return_exceptions=True)
        refused = [receipt for receipt in receipts if receipt.outcome is Inserted.REFUSED]
        if refused:
            raise refusals(receipts, refused)
        return receipts

    async def _insert_part(self, batch: list[NewJob], patience: Callable[[NewJob], float | None]) -> list[Receipt]:
        try:
            parted = await self.parted(batch)
            receipts = await self._insert(parted)
            if _told_to_wait(receipts) is not None:
                return await insist(self._insert, parted, receipts, lambda job: _seconds(patience(job)))
            return receipts
        except BackendUnavailable as error:
            raise BackendUnavailable(_unknown_outcome(batch, error)) from error

    def _flush(self) -> None:
        pending, self._pending = self._pending, []
        wanted = [(job, receipt) for job, receipt in pending if not receipt.done()]
        receipts = iter([receipt for _, receipt in wanted])
        for batch in batches(job for job, _ in wanted):
            task = self._loop.create_task(self._send(batch, [next(receipts) for _ in batch]))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, batch: Sequence[NewJob], receipts: Sequence[asyncio.Future[Receipt]]) -> None:
        try:
            answers = await self._insert(batch)
        except BackendUnavailable as error:
            for job, receipt in zip(batch, receipts, strict=True):
                if not receipt.done():
                    unknown = BackendUnavailable(_unknown_outcome([job], error))
                    unknown.__cause__ = error
                    receipt.set_exception(unknown)
        except BaseException as error:
            for receipt in receipts:
                if not receipt.done():
                    receipt.cancel() if isinstance(error, asyncio.CancelledError) else receipt.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            for receipt, answer in zip(receipts, answers, strict=True):
                if not receipt.done():
                    receipt.set_result(answer)

    async def _insert(self, batch: Sequence[NewJob]) -> list[Receipt]:
        buggify("client.before_insert")
        receipts = await self.ask(lambda backend: backend.insert(batch))
        buggify("client.after_insert")
        return receipts

    async def read(self, id: str) -> Job:
        """Raises ``JobNotFound``."""
        job = (await self.ask(lambda backend: backend.get([id])))[0]
        if job is None:
            raise no_such_job(id)
        return job

    async def ended(self, id: str, timeout: float | None, *, needs_value: bool, whole: bool = True) -> Job:
        """Wait for a job's end. Raises ``ResultTimeout`` and ``JobNotFound``.

        ``needs_value``: answers before the end with a job that will store no result. ``whole``: with its result, also
        from another place; then it raises ``ResultLost`` and ``PlaceUnavailable`` too.
        """
        return await self.finish(self.waiting.add(id, needs_value=needs_value), timeout, whole=whole)

    async def run(
        self, job: NewJob, timeout: float | None, *, rejects: bool = False, patience: float | None = None
    ) -> Job:
        """Insert a job and wait for its end; the subscription is made while the insert travels.

        ``patience``: of ``timeout``, for how many seconds it waits for room in a full queue that asks for it.

        Raises what ``insert`` and ``ended`` raise, and ``EnqueueRefused``; with ``rejects`` also ``DuplicateJob``.
        """
        start = self._loop.time()
        waiter, receipt = await self._begin(job, timeout, patience)
        if receipt.outcome is Inserted.REFUSED or receipt.id != job.id:
            self.waiting.discard(waiter)
        if receipt.outcome is Inserted.REFUSED:
            raise refusal(job, receipt)
        if receipt.outcome is Inserted.HELD and rejects:
            raise duplicate(job, receipt)
        left = None if timeout is None else max(0.0, timeout - (self._loop.time() - start))
        if receipt.id != job.id:
            return await self.ended(receipt.id, left, needs_value=True)
        self.waiting.acknowledge(waiter)
        return await self.finish(waiter, left)

    async def _begin(self, job: NewJob, timeout: float | None, patience: float | None) -> tuple[Waiter, Receipt]:
        """Subscribe and insert: in one message where the store can and nothing else is on its way."""
        job = stamped(job, self.stamp)
        alone = None
        if self._attentive is not None and not (self._attending or self._pending or self._sending):
            alone = self.waiting.attend(self._attentive, job) if len(job.args) <= self.blobs.above else None
        waiter = self.waiting.add(job.id, known=False, needs_value=True) if alone is None else alone[0]
        try:
            receipt = await (self.insert(job) if alone is None else self._insert_attended(job, *alone))
            if receipt.again:
                room = _seconds(patience)
                receipt = await self.insist(job, receipt, room if timeout is None else min(room, timeout))
            return waiter, receipt
        except BaseException:
            self.waiting.discard(waiter)
            raise

    async def _insert_attended(self, job: NewJob, waiter: Waiter, attendance: Attendance) -> Receipt:
        self._attending = True
        buggify("client.before_insert")
        try:
            receipt = await attendance.insert()
            buggify("client.after_insert")
        except BackendUnavailable:
            receipt = await self.insert(job)
            self.waiting.look(waiter)
        finally:
            self._attending = False
        return receipt

    async def finish(self, waiter: Waiter, timeout: float | None, *, whole: bool = True) -> Job:
        """Wait for a waiter's answer and discard it."""
        job: Job | None = None
        try:
            if timeout is None:
                job = await waiter.future
            else:
                async with asyncio.timeout(timeout):
                    job = await waiter.future
                    if whole and job is not None and is_reference(job.result):
                        job = await self.blobs.whole(job)
        except TimeoutError:
            had = "had not ended" if job is None else "had ended and its result not come from its place"
            then = "it goes on and can" if job is None else "it can"
            message = f"job {waiter.id} {had} after {timeout:g} s; {then} be waited for again"
            raise ResultTimeout(waiter.id, message) from self.waiting.last_error
        finally:
            self.waiting.discard(waiter)
        if job is None:
            raise no_such_job(waiter.id)
        return await self.blobs.whole(job) if whole and is_reference(job.result) else job


def batches(jobs: Iterable[NewJob], most: int = MAX_BATCH) -> Iterator[list[NewJob]]:
    """Split by the store's limits on a batch, and into at most ``most`` jobs."""
    batch: list[NewJob] = []
    size = 0
    for job in jobs:
        size += len(job.args)
        if batch and (len(batch) == most or size > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], len(job.args)
        batch.append(job)
    if batch:
        yield batch


def _told_to_wait(receipts: Iterable[Receipt]) -> Receipt | None:
    return next((receipt for receipt in receipts if receipt.again), None)


def _seconds(patience: float | None) -> float:
    return PATIENCE if patience is None else patience


def duplicate(job: NewJob, receipt: Receipt) -> DuplicateJob:
    return DuplicateJob(receipt.id, f"task {job.task!r}: job {receipt.id} has the key {job.key!r}; nothing was stored")


def no_such_job(id: str) -> JobNotFound:
    return JobNotFound(id, f"there is no job {id}: it was never stored, or it was deleted, or its time is over")


def _unknown_outcome(batch: Sequence[NewJob], error: Exception) -> str:
    what = f"job {batch[0].id} of task {batch[0].task!r}" if len(batch) == 1 else f"{len(batch)} jobs"
    return (
        f"the store could not be reached while enqueuing {what} ({error}); whether it was stored is unknown. "
        "Repeating it with the same id is safe: enqueue the same Call again"
    )
