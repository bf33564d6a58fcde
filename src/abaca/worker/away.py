"""Large payloads of runs: arguments fetched before a handler starts, results put in their place before the settle.

The settle that refers to a blob comes after the blob is there for good. While a place is away its runs keep their
slots, so that no more is claimed than can be held. After some tries a result counts as a failure of the run, which is
retried; arguments that cannot be had now put the job off, uncharged.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from abaca.backend import Backend
from abaca.codec import can_be_named, describe_error
from abaca.errors import ArgumentsLost, BackendUnavailable, ConfigError, PlaceUnavailable
from abaca.jobresult import keeps_nothing
from abaca.logs import worker_log
from abaca.model import Job
from abaca.places import Blobs
from abaca.policy.outcome import Aborted, Outcome, Released, Returned, Snoozed, Unstored
from abaca.worker.runs import Run

PAUSES = (0.2, 1.0, 4.0, 10.0)
"""Seconds between tries, before jitter."""
_STORE_AWAY = 1.0
PUT_OFF_MS = (5_000, 15_000)

Finished = Callable[[Run, Outcome | None], None]


class Outbox:
    """Stands between the runner and the loop. A result that stays in the record passes at once."""

    def __init__(self, blobs: Blobs, backend: Backend, finished: Finished) -> None:
        self._blobs = blobs
        self._backend = backend
        self._finished = finished
        self._above = blobs.above
        self._sending: dict[asyncio.Task[None], Run] = {}

    def finished(self, run: Run, outcome: Outcome | None) -> None:
        """The runner's answer for one run."""
        if type(outcome) is Returned and len(outcome.result) > self._above and self._belongs_elsewhere(run.job):
            task = asyncio.ensure_future(self._send(run, outcome.result))
            self._sending[task] = run
            task.add_done_callback(self._sent)
        else:
            self._finished(run, outcome)

    async def empty(self, seconds: float) -> None:
        """Until every result is in its place, at most so long; what is not then gives its job back, uncharged."""
        if self._sending:
            await asyncio.wait(list(self._sending), timeout=seconds)
        for task in list(self._sending):
            task.cancel()
        while self._sending:
            await asyncio.wait(list(self._sending))
            await asyncio.sleep(0)

    def _belongs_elsewhere(self, job: Job) -> bool:
        return not keeps_nothing(job) and can_be_named(job.id)

    def _sent(self, task: asyncio.Task[None]) -> None:
        run = self._sending.pop(task)
        if task.cancelled():
            self._finished(run, Released())
        elif (error := task.exception()) is not None:
            worker_log().error("a result could not be sent", job_id=run.job.id, error=repr(error))
            self._finished(run, Unstored(error=describe_error(error)))

    async def _send(self, run: Run, result: bytes) -> None:
        try:
            reference = await self._patiently(run.job, result)
        except (PlaceUnavailable, ConfigError) as error:
            worker_log().error("the place for results does not take this one", job_id=run.job.id, error=str(error))
            self._finished(run, Unstored(error=describe_error(error)))
        else:
            self._finished(run, Returned(result=reference))

    async def _patiently(self, job: Job, result: bytes) -> bytes:
        pauses = iter(PAUSES)
        while True:
            try:
                return await self._blobs.send(self._backend, job.id, job.epoch, result)
            except BackendUnavailable:  # the settle would have to wait for the store as well
                pause: float | None = _STORE_AWAY
            except PlaceUnavailable as error:
                pause = next(pauses, None)
                if pause is None:
                    raise
                worker_log().warning("the place for results does not answer, trying again", error=str(error))
            await asyncio.sleep((pause or 0.0) * random.uniform(0.5, 1.0))


async def fetched(blobs: Blobs, job: Job) -> Job | Outcome:
    """The job with its arguments, or what it means that they cannot be had."""
    try:
        return await blobs.whole_arguments(job)
    except ArgumentsLost as error:
        return Aborted(error=describe_error(error))
    except (PlaceUnavailable, ConfigError) as error:
        worker_log().error(
            "arguments cannot be fetched, trying later", job_id=job.id, task=job.spec.task, error=str(error)
        )
        return Snoozed(delay_ms=random.randint(*PUT_OFF_MS))
