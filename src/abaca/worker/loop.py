"""The data plane: moves jobs from the store to the runner and outcomes back, in batches."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from abaca.backend import MAX_BATCH, Backend
from abaca.buggify import buggify
from abaca.current import request_of
from abaca.logs import worker_log
from abaca.model import Job, Lease, Settle, State, Verdict, Want
from abaca.policy.outcome import Expired, Outcome, ParentsUnmet, Released
from abaca.worker.counting import Counting
from abaca.worker.judging import Decide, judge
from abaca.worker.reporter import Reporter
from abaca.worker.runs import Run, RunKey
from abaca.worker.settles import Finished, Settles
from abaca.worker.slots import PUMPS, Slots

_COMPLETED = State.COMPLETED
_TURNS_OF_A_SHORT_JOB = 3
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_HOLD_SHARE = 3
"""A lease counts from when its claim was sent, so a claim is held open for this part of the lease at most."""


@dataclass(slots=True)
class LoopOptions:
    """``slots`` per lane; ``hold`` is how long an idle claim stays open; ``give_up_after`` without one answer from the
    store ends the loop (all in seconds)."""

    queues: tuple[str, ...]
    slots: dict[str, int]
    lease: Lease
    weights: dict[str, int] | None = None
    hold: float = 5.0
    give_up_after: float = 600.0


Start = Callable[[Job, float], None]
"""Begins a run of a claimed job at an instant of the monotonic clock."""


class Holder(Protocol):
    """Whoever keeps the leases alive: told of every run before it begins and after the store has judged its end."""

    def taken(self, jobs: Sequence[Job], sent_at: float) -> None: ...

    def gone(self, keys: Sequence[RunKey]) -> None: ...


@dataclass(slots=True)
class Totals:
    processed: int = 0
    succeeded: int = 0
    failed: int = 0
    busy: float = 0.0
    """Seconds."""

    @property
    def busy_ms(self) -> int:
        return round(self.busy * 1000)


class StoreGone(Exception):
    """The store did not answer for so long that this worker is of no use."""


class ExchangeLoop:
    """Two exchanges in flight while there is work, one held claim while there is none."""

    def __init__(
        self,
        backend: Backend,
        options: LoopOptions,
        holder: Holder,
        start: Start,
        reporter: Reporter,
        counting: Counting | None = None,
        decide: Decide = judge,
    ) -> None:
        self._backend = backend
        self._options = options
        self._holder = holder
        self.start = start
        self._reporter = reporter
        self._slots = Slots(options.slots)
        self._decide = decide
        self._done = Settles(decide)
        self._owed = 0
        self._claiming = True
        self._suspended = self._closed = False
        self._patience: asyncio.TimerHandle | None = None
        self._hopeless: StoreGone | None = None
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._answered_at = time.monotonic()
        self._pause = 0.0
        self._failed_at = 0.0
        self._late: set[asyncio.Task[None]] = set()
        self._in_flight = 0
        self.totals = Totals()
        self.counting = counting or Counting()

    async def run(self) -> None:
        """Until ``close``. Raises ``StoreGone`` when the store stays away for too long."""
        async with asyncio.TaskGroup() as group:
            for _ in range(PUMPS):
                group.create_task(self._pump())
            group.create_task(self._hold())

    def finished(self, run: Run, outcome: Outcome | None) -> None:
        """The runner's answer for one run. Its slot is free now; its settle travels with the next exchange."""
        self._slots.released(run.job.spec.lane)
        totals = self.totals
        totals.processed += 1
        took = time.monotonic() - run.started
        totals.busy += took
        if outcome is None:
            self.counting.lost(run.job)
            self._holder.gone([run.key])
            self._wake.set()
        elif run.reports or run.seq or run.journal is not None:
            self._owed += 1
            task = asyncio.ensure_future(self._settle_after_reports(run, outcome, took))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            self._wake.set()
        else:
            self._settle_soon(run.job, outcome, took)

    def occupy(self, lane: str, count: int) -> None:
        """Take slots that no job fills; a negative number gives them back."""
        self._slots.occupy(lane, count)
        if count > 0 and lane in self._slots.held:
            self._backend.unhold()  # it asks for slots that are gone
        elif count < 0:
            self._wake.set()

    async def _settle_after_reports(self, run: Run, outcome: Outcome, took: float) -> None:
        journal = run.journal
        try:
            if journal is not None:
                journal.pass_on()
            await self._reporter.flush()
        finally:
            self._owed -= 1
            self._settle_soon(run.job, outcome if journal is None else journal.judged(outcome), took)

    def _settle_soon(self, job: Job, outcome: Outcome, took: float | None) -> None:
        buggify("loop.before_settle")
        transition = self._decide(job, outcome)
        if transition.target is _COMPLETED:
            self.totals.succeeded += 1
        elif isinstance(outcome, ParentsUnmet | Expired):
            worker_log().info("job not run", job_id=job.id, task=job.spec.task, reason=str(transition.error))
        elif transition.error is not None:
            self.totals.failed += 1
            worker_log().warning(
                "run failed",
                job_id=job.id,
                task=job.spec.task,
                attempt=job.attempt,
                error=str(transition.error),
                next=transition.target.name.lower(),
                **request_of(job),
            )
        self._done.add(Finished(job, outcome, Settle(id=job.spec.id, epoch=job.epoch, to=transition), took))
        if not self._wake.is_set():
            self._wake.set()

    def stop_claiming(self) -> None:
        """Claim no more; settles go on."""
        self._claiming = False
        self._backend.unhold()
        self._wake.set()

    def suspend(self, suspended: bool) -> None:
        """Claim nothing while leases cannot be renewed: what is claimed then is lost. Settles go on."""
        if suspended == self._suspended:
            return
        self._suspended = suspended
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if suspended:
            worker_log().warning("leases are not renewed; no claims until they are")
            self._backend.unhold()
            self._patience = asyncio.get_running_loop().call_later(self._options.give_up_after, self._give_up)
        else:
            worker_log().info("leases are renewed again; claims go on")
            self._slots.hope()
        self._wake.set()

    def _give_up(self) -> None:
        self._hopeless = StoreGone(
            f"no answer from the store for {self._options.give_up_after:.0f} s: no beat got through"
        )
        self._wake.set()

    async def settled(self, timeout: float) -> None:
        """Until no claim is under way and every outcome was judged by the store, at most ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                while self._done or self._owed or self._in_flight:
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            pass

    def close(self) -> None:
        """End now. What the store did not take until here comes back with its lease."""
        self._closed = True
        if self._patience is not None:
            self._patience.cancel()
        abandoned = self._done.abandon()
        if abandoned:
            worker_log().warning("the store did not take these settles; their leases bring them back", runs=abandoned)
        self.stop_claiming()

    async def _pump(self) -> None:
        while True:
            await self._work_or_close()
            if self._closed:
                self._wake.set()
                return
            if self._pause:
                await asyncio.sleep(self._pause * random.uniform(0.5, 1.0))
            want = self._reserve() if self._slots.wanted and not self._done.suspicious else None
            batch = self._done.take()
            if batch or want is not None:
                await self._exchange(batch, want)

    async def _work_or_close(self) -> None:
        while not (self._done or self._closed or (self._may_claim() and self._slots.wanted)):
            self._wake.clear()
            self._idle.set()
            await self._wake.wait()

    def _may_claim(self) -> bool:
        backlog = len(self._done) > 4 * MAX_BATCH
        return self._claiming and not self._suspended and not backlog and self._slots.any_free

    def _reserve(self, hold: float = 0.0) -> Want | None:
        if not self._may_claim():
            return None
        slots = self._slots.reserve(held=hold > 0)
        return Want(queues=self._queue_order(), slots=slots, hold_ms=round(hold * 1000))

    def _queue_order(self) -> tuple[str, ...]:
        """Strict order, or by weight: a queue comes first as often as its share says.

        Weighted shuffle by random keys (Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006).
        """
        weights = self._options.weights
        if not weights:
            return self._options.queues
        keyed = [(random.random() ** (1.0 / max(weights.get(q, 1), 1)), q) for q in self._options.queues]
        return tuple(queue for _, queue in sorted(keyed, reverse=True))

    async def _hold(self) -> None:
        while not self._closed:
            if self._hopeless is not None:
                raise self._hopeless
            if self._slots.wanted or not self._may_claim() or self._pause:
                self._wake.clear()
                await self._wake.wait()
                continue
            want = self._reserve(min(self._options.hold, self._options.lease.ms / 1000 / _HOLD_SHARE))
            if want is not None:
                self._slots.held = want.slots
                await self._exchange([], want)
                for _ in range(_TURNS_OF_A_SHORT_JOB):  # its settle goes first: somebody may be waiting for it
                    await asyncio.sleep(0)
                    if self._in_flight:  # in this turn, as a rule: the store can send both at once
                        break
                self._slots.held = {}

    async def _exchange(self, batch: list[Finished], want: Want | None) -> None:
        sent_at = time.monotonic()
        self._in_flight += 1
        buggify("loop.before_exchange")
        try:
            answer = await self._backend.exchange([item.settle for item in batch], want, self._options.lease)
        except Exception as error:  # whatever a store raises, the loop goes on
            self._holder.gone([(item.settle.id, item.settle.epoch) for item in self._done.put_back(batch, error)])
            if want is not None:
                self._slots.give_back(want, [])
            self._store_failed(error)
            return
        finally:
            self._in_flight -= 1
        buggify("loop.after_exchange")
        self._store_answered(sent_at)
        self._judge(batch, answer.verdicts)
        if want is not None:
            self._slots.give_back(want, answer.jobs)
            self._begin(answer.jobs, sent_at, want)
        if not self._done and not self._in_flight:
            self._idle.set()

    def _judge(self, batch: list[Finished], verdicts: list[Verdict]) -> None:
        if not any(verdicts):
            if batch:
                self.counting.settled(batch)
                self._holder.gone([(item.settle.id, item.settle.epoch) for item in batch])
            return
        gone = []
        for item, verdict in zip(batch, verdicts, strict=True):
            if verdict is Verdict.CANCEL:
                self._settle_soon(msgspec.structs.replace(item.job, cancel=True), item.outcome, item.took)
                continue
            if verdict is Verdict.APPLIED:
                self.counting.settled([item])
            else:
                self.counting.lost(item.job)
                worker_log().info(
                    "stale settle dropped", job_id=item.job.id, task=item.job.spec.task, epoch=item.job.epoch
                )
            gone.append((item.settle.id, item.settle.epoch))
        if gone:
            self._holder.gone(gone)

    def _begin(self, jobs: Sequence[Job], sent_at: float, want: Want) -> None:
        self._slots.claimed(want, jobs)
        if jobs:
            self.counting.claimed(jobs)
            self._holder.taken(jobs, self._trusted_from(jobs, sent_at) if want.hold_ms else sent_at)
        buggify("loop.taken_before_start")
        now, start = time.monotonic(), self.start
        for job in jobs:
            if self._claiming and not self._suspended:
                start(job, now)
            else:  # the order to stop came while the answer was under way
                self._slots.free[job.spec.lane] += 1
                self._settle_soon(job, Released(), None)
        if self._slots.wanted or not want.hold_ms:
            self._wake.set()
        if not self._slots.wanted and self._slots.unheld:
            self._backend.unhold()  # it is open for other lanes only; the next one asks for all

    def _trusted_from(self, jobs: Sequence[Job], sent_at: float) -> float:
        """A claim may have been held open longer than a job's own lease: half of that is left for its first beat."""
        shortest = min(job.spec.lease_ms or self._options.lease.ms for job in jobs)
        return max(sent_at, time.monotonic() - shortest / 2000)

    def _store_failed(self, error: Exception) -> None:
        now = self._failed_at = time.monotonic()
        if not self._pause:
            worker_log().warning("store unavailable, trying again", error=str(error))
        self._pause = min(max(self._pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
        self._slots.hope()
        self._wake.set()
        if now - self._answered_at > self._options.give_up_after:
            raise StoreGone(f"no answer from the store for {now - self._answered_at:.0f} s: {error}") from error

    def _store_answered(self, sent_at: float) -> None:
        """A claim that was open before the last failure says nothing about the store as it is now."""
        if self._pause and sent_at >= self._failed_at:
            worker_log().info("store is back")
            self._pause = 0.0
            self._wake.set()
        self._answered_at = time.monotonic()
