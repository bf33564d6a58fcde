"""The answer to "why does this job not run, or not end?", for every reader alike."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from abaca.model import Job, Status
from abaca.views.times import instant


class Cause(StrEnum):
    """The one thing that a job waits for at this moment."""

    SCHEDULED = "scheduled"
    RETRYING = "retrying"
    ASLEEP = "asleep"
    EVENT = "event"
    TASK_MISSING = "task_missing"
    """The worker that took it did not know its task; it is tried again."""
    PARENTS = "parents"
    LIMIT = "limit"
    TASK_LIMIT = "task_limit"
    TASK_PAUSED = "task_paused"
    QUEUE_LIMIT = "queue_limit"
    QUEUE_PAUSED = "queue_paused"
    NO_WORKER = "no_worker"
    QUEUE_UNSERVED = "queue_unserved"
    TASK_UNKNOWN = "task_unknown"
    SLOT_MISSING = "slot_missing"
    """No worker that could take it has slots of its kind."""
    IN_LINE = "in_line"
    RUNNING = "running"
    STOPPING = "stopping"
    LEASE_ENDED = "lease_ended"
    ENDED = "ended"


class JobName(msgspec.Struct, frozen=True, kw_only=True):
    """Another job, to be followed by its id. ``task`` and ``status`` are empty for one that is not there any more."""

    id: str
    task: str = ""
    status: str = ""


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job waits, on whom, until when; or how it runs, or ended.

    ``sentence`` says all of it. ``until`` is when the cause passes, where that is known; ``since`` when it began.
    ``jobs`` are whom it waits for, at most a few: parents that have not ended or ended otherwise than asked for, or
    holders of a limit's permits. ``workers`` are names: who runs it, or who could. ``ahead`` counts jobs before it in
    line, ``ahead_is_least`` where more may be; ``rate`` is ended jobs a second of the workers of its queue since they
    started. ``remedy`` is a command that lifts the cause, where one does.
    """

    id: str
    task: str
    queue: str
    status: Status
    cause: Cause
    sentence: str
    until: str | None = None
    since: str | None = None
    jobs: tuple[JobName, ...] = ()
    bucket: str | None = None
    workers: tuple[str, ...] = ()
    ahead: int | None = None
    ahead_is_least: bool = False
    rate: float | None = None
    remedy: str | None = None


class Reader(msgspec.Struct, frozen=True):
    """Who asks. An owner's jobs are named to that owner alone; ``None`` may see all."""

    owner: str | None = None

    def may_see(self, job: Job) -> bool:
        return self.owner is None or job.spec.owner == self.owner

    def called(self, job: Job) -> str:
        return f"{job.id} ({job.spec.task}, {job.status})" if self.may_see(job) else "another owner's job"

    def visible(self, jobs: list[Job]) -> tuple[Job | str, ...]:
        return tuple(job for job in jobs if self.may_see(job))


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """A cause before it is put into a sentence with others. ``text`` is a clause; times are microseconds."""

    cause: Cause
    text: str
    until: int | None = None
    since: int | None = None
    jobs: tuple[Job | str, ...] = ()
    bucket: str | None = None
    workers: tuple[str, ...] = ()
    ahead: int | None = None
    ahead_is_least: bool = False
    rate: float | None = None
    remedy: str | None = None


def answer(job: Job, reason: Reason, beside: tuple[str, ...] = ()) -> Why:
    """The reason as readers get it; ``beside`` are further clauses for the sentence."""
    text = "; ".join([reason.text, *beside])
    return Why(
        id=job.id,
        task=job.spec.task,
        queue=job.spec.queue,
        status=job.status,
        cause=reason.cause,
        sentence=text[:1].upper() + text[1:] + ".",
        until=instant(reason.until),
        since=instant(reason.since),
        jobs=tuple(named(other) for other in reason.jobs),
        bucket=reason.bucket,
        workers=reason.workers,
        ahead=reason.ahead,
        ahead_is_least=reason.ahead_is_least,
        rate=reason.rate,
        remedy=reason.remedy,
    )


def named(job: Job | str) -> JobName:
    return JobName(id=job) if isinstance(job, str) else JobName(id=job.id, task=job.spec.task, status=job.status)
