"""A client's calls, each with its line in the history before and after it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from abaca import App, JobHandle
from abaca.backend import Backend
from abaca.errors import AbacaError, BackendUnavailable, JobConflict, JobNotFound, ResultTimeout
from abaca.jobresult import JobResult
from abaca.model import Cancelled, Inserted, NewJob, Receipt, Requeued
from abaca.tasks import Call
from abaca.verify.history import HistoryWriter, Item, Src, Type
from abaca.verify.prints import print_of, print_of_stored

AnyCall = Call[Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Calls:
    """The verbs of one client process. ``acked`` counts jobs that the store said it has."""

    def __init__(self, app: App, folder: Path, p: str) -> None:
        self.acked = 0
        self.unknown = 0
        self._app = app
        self._history = HistoryWriter(folder, p)
        self._ops = itertools.count(1)
        self._p = p

    async def enqueue(self, calls: Sequence[AnyCall]) -> list[JobHandle[Any]] | None:
        """Handles of the jobs that stand for the calls, or ``None`` when it is unknown whether they were stored."""
        op = self._op()
        self._write(Type.INVOKE, "enqueue", op, items=[item_of(call.job) for call in calls])
        try:
            receipts = await self._app.client().insert_many(call.job for call in calls)
        except BackendUnavailable as error:
            self.unknown += len(calls)
            self._write(Type.INFO, "enqueue", op, val=str(error))
            return None
        self._write(Type.OK, "enqueue", op, val=_exceptions(calls, receipts))
        self.acked += sum(receipt.outcome is Inserted.INSERTED for receipt in receipts)
        return [call.handle(receipt) for call, receipt in zip(calls, receipts, strict=True)]

    async def wait(self, job: JobHandle[Any], timeout: float) -> JobResult[Any] | None:
        """How the job ended; ``None`` when that was not heard in time."""
        op = self._op()
        self._write(Type.INVOKE, "wait", op, j=job.id)
        try:
            result = await job.outcome(timeout)
        except ResultTimeout as error:
            self._write(Type.FAIL, "wait", op, j=job.id, val=str(error))
        except JobNotFound as error:
            self._write(Type.FAIL, "wait", op, j=job.id, val=str(error))
        except BackendUnavailable as error:
            self._write(Type.INFO, "wait", op, j=job.id, val=str(error))
        else:
            self._write(Type.OK, "wait", op, j=job.id, val=ending(result))
            return result
        return None

    async def read(self, job: JobHandle[Any]) -> JobResult[Any] | None:
        """A later look at a job, noted when it has ended."""
        try:
            result = await job.peek()
        except AbacaError:
            return None
        if result is not None:
            self._write(Type.OK, "read", self._op(), j=job.id, val=ending(result))
        return result

    async def cancel(self, job: JobHandle[Any]) -> str | None:
        op = self._op()
        self._write(Type.INVOKE, "cancel", op, j=job.id)
        try:
            answer = (await self._app.client().ask(lambda backend: backend.cancel([job.id])))[0]
        except BackendUnavailable as error:
            self._write(Type.INFO, "cancel", op, j=job.id, val=str(error))
            return None
        word = _CANCELLED[answer]
        self._write(Type.OK, "cancel", op, j=job.id, val=word)
        return word

    async def requeue(self, job: JobHandle[Any]) -> str | None:
        """Requeue an ended job as it is now; one that has not ended is left alone."""
        try:
            seen = await job.info()
        except (BackendUnavailable, JobNotFound):
            return None
        if not seen.state.ended:
            return None
        op, tries = self._op(), itertools.count()
        self._write(Type.INVOKE, "requeue", op, j=job.id)

        async def ask(backend: Backend) -> Requeued:
            next(tries)
            return (await backend.requeue([(job.id, seen.epoch)]))[0]

        try:
            word = _REQUEUED[await self._app.client().ask(ask)]
        except BackendUnavailable as error:
            self._write(Type.INFO, "requeue", op, j=job.id, val=str(error))
            return None
        if word == "stale" and next(tries) > 1:  # the first call, whose answer was lost, may have been accepted
            self._write(Type.INFO, "requeue", op, j=job.id, val="stale, at a repetition")
            return None
        self._write(Type.OK, "requeue", op, j=job.id, val=word)
        return word

    async def follow(self, job: JobHandle[Any]) -> None:
        """Read a job's updates from the first to the last."""
        op = self._op()
        self._write(Type.INVOKE, "updates", op, j=job.id, val={"after": 0})
        try:
            async for update in job.updates():
                value = {"id": update.id, "kind": update.kind.value, "value": update.value}
                self._write(Type.EVENT, "update", op, j=job.id, val=value)
        except (JobNotFound, JobConflict, BackendUnavailable) as error:
            self._write(Type.INFO, "updates", op, j=job.id, val=str(error))
            return
        self._write(Type.OK, "updates", op, j=job.id)

    def _op(self) -> str:
        return f"{self._p}:{next(self._ops)}"

    def _write(self, type: Type, f: str, op: str, *, j: str = "", val: Any = None, items: Sequence[Item] = ()) -> None:
        self._history.write(Src.CLIENT, type, f, j=j, op=op, val=val, items=items)


_CANCELLED = {
    Cancelled.ENDED: "ended",
    Cancelled.FLAGGED: "flagged",
    Cancelled.ALREADY: "already",
    Cancelled.UNKNOWN: "unknown",
}
_REQUEUED = {
    Requeued.REQUEUED: "requeued",
    Requeued.HELD: "held",
    Requeued.STALE: "stale",
    Requeued.UNKNOWN: "unknown",
}


def item_of(job: NewJob) -> Item:
    """What the checker must know of a job that is to be stored."""
    return Item(
        id=job.id,
        print=print_of_stored(job.args),
        q=job.queue,
        key=job.key,
        delay=job.delay_ms / 1000,
        run_at=job.run_at,
        max=job.retry.max_attempts if job.retry is not None else 4,
        timeout=None if job.timeout_ms is None else job.timeout_ms / 1000,
        lease=None if job.lease_ms is None else job.lease_ms / 1000,
        after=job.parents,
        when=job.after[0].when.value if job.after else "completed",
    )


def ending(result: JobResult[Any]) -> dict[str, Any]:
    value: dict[str, Any] = {"status": result.status.value}
    if result.status.value == "completed":
        value["print"] = print_of(result.value)
    value["ended_at"] = (result.completed_at - _EPOCH) // timedelta(microseconds=1)
    return value


def _exceptions(calls: Sequence[AnyCall], receipts: Sequence[Receipt]) -> dict[str, Any] | None:
    """The jobs of a call that were not inserted."""
    held, known, refused = {}, [], []
    for call, receipt in zip(calls, receipts, strict=True):
        if receipt.outcome is Inserted.HELD:
            held[call.job.id] = receipt.id
        elif receipt.outcome is Inserted.KNOWN:
            known.append(call.job.id)
        elif receipt.outcome is Inserted.REFUSED:
            refused.append(call.job.id)
    found = {"held": held, "known": known, "refused": refused}
    return {name: value for name, value in found.items() if value} or None
