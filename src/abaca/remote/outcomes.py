"""What a remote worker says of the end of a run, as the outcome that the policy judges."""

from __future__ import annotations

from abaca.backend import Backend
from abaca.codec import can_be_named
from abaca.codec.payload import pack
from abaca.jobresult import keeps_nothing
from abaca.model import ErrorInfo, Job
from abaca.places import Blobs
from abaca.policy.outcome import Aborted, Outcome, Raised, Released, Returned, Snoozed, TimedOut, WasCancelled
from abaca.remote.messages import (
    AbortedRun,
    CancelledRun,
    CompletedRun,
    FailedRun,
    ReleasedRun,
    RemoteError,
    RemoteOutcome,
    SnoozedRun,
    TimedOutRun,
)


async def outcome_of(said: RemoteOutcome, job: Job, backend: Backend, blobs: Blobs) -> Outcome:
    """Large results are put in their place first. Raises ``PlaceUnavailable``."""
    match said:
        case CompletedRun(result=result):
            return Returned(result=await _stored(pack(bytes(result)), job, backend, blobs))
        case FailedRun(error=error):
            return Raised(error=_error(error))
        case AbortedRun(error=error):
            return Aborted(error=_error(error))
        case SnoozedRun(delay_ms=delay_ms):
            return Snoozed(delay_ms=delay_ms)
        case TimedOutRun():
            return TimedOut(timeout_ms=job.spec.timeout_ms or 0)
        case CancelledRun():
            return WasCancelled() if job.cancel else Released()
        case ReleasedRun():
            return Released()


async def _stored(result: bytes, job: Job, backend: Backend, blobs: Blobs) -> bytes:
    if len(result) <= blobs.above or keeps_nothing(job) or not can_be_named(job.id):
        return result
    return await blobs.send(backend, job.id, job.epoch, result)


def _error(error: RemoteError) -> ErrorInfo:
    return ErrorInfo(
        type=error.type, message=error.message, traceback=error.traceback, kinds=error.kinds or (error.type,)
    )
