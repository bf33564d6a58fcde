"""How a job ended, for its caller."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from abaca.codec import ResultCodec
from abaca.errors import JobCancelled, JobError, JobFailed, ResultDisabled, ResultExpired
from abaca.model import ErrorInfo, Job, State, Status

R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult(Generic[R_co]):
    """How a job ended. Times are UTC by the store's clock.

    ``value`` is the handler's result; it is ``None`` also when no result is stored, and ``has_value`` tells which.
    ``error`` says why it did not complete; a success has none, also after attempts that failed (``updates`` has those).
    ``duration`` is the last run's length in seconds, ``None`` when the job never ran. ``attempts`` counts charged runs.
    """

    job_id: str
    status: Status
    value: R_co | None
    has_value: bool
    error: ErrorInfo | None
    started_at: datetime | None
    completed_at: datetime
    duration: float | None
    attempts: int

    @property
    def is_success(self) -> bool:
        return self.status is Status.COMPLETED

    @property
    def is_failed(self) -> bool:
        return self.status is Status.FAILED

    @property
    def is_cancelled(self) -> bool:
        return self.status is Status.CANCELLED


def result_of(job: Job, codec: ResultCodec[R]) -> JobResult[R]:
    """The result of an ended job. Raises ``ResultError`` when the stored value is not of the codec's type."""
    ran = job.claimed_at is not None and job.ended_at is not None
    return JobResult(
        job_id=job.id,
        status=job.status,
        value=codec.decode(job.result) if job.result is not None else None,
        has_value=job.result is not None,
        error=job.error if job.state is not State.COMPLETED else None,
        started_at=_time(job.started_at) if job.started_at is not None else None,
        completed_at=_time(job.ended_at or 0),
        duration=((job.ended_at or 0) - (job.claimed_at or 0)) / 1e6 if ran else None,
        attempts=job.attempts,
    )


def value_of(job: Job, codec: ResultCodec[R]) -> R:
    """The value of a job that ended well; raises what ``JobHandle.result`` promises for every other."""
    if job.state is State.COMPLETED and job.result is not None:
        return codec.decode(job.result)
    raise why_no_value(job)


def keeps_nothing(job: Job) -> bool:
    return job.spec.keep is not None and job.spec.keep.completed_ms == 0


def why_no_value(job: Job) -> JobError:
    """The error for a job that has no value to give and never will."""
    if job.state is State.CANCELLED:
        return JobCancelled(job.id, f"job {job.id} was cancelled" + (f": {job.error}" if job.error else ""))
    if job.state is State.FAILED:
        error = job.error or ErrorInfo(type="abaca.ErrorExpired", message="its error is no longer kept")
        return JobFailed(job.id, error.type, error.message, error.traceback)
    if keeps_nothing(job):
        return ResultDisabled(job.id, f"job {job.id} stores no result (keep=0); outcome() tells how it ends")
    return ResultExpired(job.id, f"job {job.id} completed, but its result is no longer kept or was deleted")


def _time(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
