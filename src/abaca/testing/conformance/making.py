"""What every check says often: make a job, claim it, settle it, read it."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from abaca.backend import Backend
from abaca.model import Exchanged, Inserted, Job, Lease, NewJob, Settle, State, Transition, Verdict, Want
from abaca.testing.ids import job_id as job_id

LEASE = Lease(worker="worker-1", ms=15_000)
OTHER = Lease(worker="worker-2", ms=15_000)
SECOND = 1_000_000
"""One second in the unit of instants."""


def make(number: int, **fields: Any) -> NewJob:
    """A new job with the id of that number; ``fields`` are those of ``NewJob``."""
    return NewJob(id=job_id(number), task=fields.pop("task", "work"), **fields)


def many(count: int, first: int = 1, **fields: Any) -> list[NewJob]:
    return [make(number, **fields) for number in range(first, first + count)]


async def insert(store: Backend, *jobs: NewJob) -> list[Inserted]:
    """The outcomes alone."""
    return [receipt.outcome for receipt in await store.insert(jobs)]


def want(*queues: str, slots: int | dict[str, int] = 100, max_bytes: int = 64 << 20, hold_ms: int = 0) -> Want:
    """``slots`` as a number means the nameless lane; no queue means the default one."""
    lanes = slots if isinstance(slots, dict) else {"": slots}
    return Want(queues=queues or ("default",), slots=lanes, max_bytes=max_bytes, hold_ms=hold_ms)


async def claim(
    store: Backend, *queues: str, slots: int | dict[str, int] = 100, max_bytes: int = 64 << 20, lease: Lease = LEASE
) -> list[Job]:
    answer = await store.exchange([], want(*queues, slots=slots, max_bytes=max_bytes), lease)
    return answer.jobs


async def claim_one(store: Backend, *queues: str, lease: Lease = LEASE) -> Job:
    jobs = await claim(store, *queues, slots=1, lease=lease)
    assert len(jobs) == 1, "one job should have been claimable"
    return jobs[0]


async def start(store: Backend, new: NewJob, lease: Lease = LEASE) -> Job:
    """Insert a job and claim it."""
    assert await insert(store, new) == [Inserted.INSERTED]
    answer: Exchanged = await store.exchange([], want(new.queue, slots={new.lane: 1}), lease)
    assert [job.id for job in answer.jobs] == [new.id]
    return answer.jobs[0]


def move(job: Job, target: State, **fields: Any) -> Settle:
    """The settle of a run; ``fields`` are those of ``Transition``, a charged attempt by default."""
    values: dict[str, Any] = {"attempts": job.attempts + 1, "losses": job.losses, **fields}
    return Settle(id=job.id, epoch=job.epoch, to=Transition(target=target, **values))


def complete(job: Job, result: bytes | None = b'"done"', keep_ms: int = 3_600_000, **fields: Any) -> Settle:
    return move(job, State.COMPLETED, result=result, keep_ms=keep_ms, **fields)


def fail(job: Job, keep_ms: int = 3_600_000, **fields: Any) -> Settle:
    return move(job, State.FAILED, keep_ms=keep_ms, **fields)


def back(job: Job, delay_ms: int | None = None, **fields: Any) -> Settle:
    return move(job, State.WAITING, delay_ms=delay_ms, **fields)


async def settle(store: Backend, *done: Settle) -> list[Verdict]:
    answer = await store.exchange(done, None, LEASE)
    return answer.verdicts


async def finish(store: Backend, new: NewJob, **fields: Any) -> Job:
    """Insert, claim and complete a job; answers it as stored."""
    assert await settle(store, complete(await start(store, new), **fields)) == [Verdict.APPLIED]
    return await fetch(store, new.id)


async def fetch(store: Backend, id: str) -> Job:
    (job,) = await store.get([id])
    assert job is not None, f"job {id} should be stored"
    return job


def ids(jobs: Sequence[Job]) -> list[str]:
    return [job.id for job in jobs]


def numbered(*numbers: int) -> list[str]:
    return [job_id(number) for number in numbers]


async def is_refused(call: Awaitable[object]) -> bool:
    """Whether the call raises ``ValueError``."""
    try:
        await call
    except ValueError:
        return True
    return False
