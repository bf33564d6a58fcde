"""Who stands in a job's way: parents that have not ended, holders of a limit's permits."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from abaca.backend import MAX_BATCH, Backend
from abaca.bulk import get_many
from abaca.client import Client
from abaca.model import (
    BUCKET,
    Job,
    Limit,
    Query,
    QueueSettings,
    State,
    Status,
    queue_bucket,
    task_bucket,
)
from abaca.taskcontrol import TaskSettings
from abaca.views.finding import first_jobs
from abaca.views.reason import Cause, Reader, Reason
from abaca.views.words import counted, listed, moment, span

_SHOWN = 3
_MOST_PARENTS = 3 * MAX_BATCH
_MOST_HOLDERS = 1000
_decode_limit = msgspec.json.Decoder(Limit).decode


async def by_parents(client: Client, job: Job, reader: Reader) -> Reason:
    """Those that have not ended come first, running ones before others, then those that ended wrongly."""
    parents = job.spec.parents
    open_, wrong = await _parents(client, job)
    named = [reader.called(parent) for parent in open_]
    more = job.open_parents - len(open_)
    whom = listed([*named, *(["others"] if more > 0 and not named else [])], _SHOWN)
    text = f"it waits for {job.open_parents:,} of its {counted(len(parents), 'parent')}: {whom}"
    if job.unmet:
        who = f" ({listed([reader.called(parent) for parent in wrong], _SHOWN)})" if wrong else ""
        text += f"; {job.unmet:,} ended otherwise than it asks for{who}, so it will be cancelled and not run"
    return Reason(cause=Cause.PARENTS, text=text, jobs=reader.visible([*open_, *wrong][:_SHOWN]))


async def _parents(client: Client, job: Job) -> tuple[list[Job], list[Job]]:
    """Of the first parents: those that have not ended, and those that ended otherwise than the edge asks for."""
    when = {id: edges.when for edges in job.spec.after for id in edges.ids}
    ids = list(when)[:_MOST_PARENTS]
    open_: list[Job] = []
    wrong: list[Job] = []
    for parent in await get_many(client.ask, ids):
        if parent is None:
            continue
        if not parent.state.ended:
            open_.append(parent)
        elif not when[parent.id].met_by(parent.state):
            wrong.append(parent)
    open_.sort(key=lambda parent: parent.state is not State.RUNNING)
    return open_, wrong


async def _get(ids: list[str], backend: Backend) -> list[Job | None]:
    return await backend.get(ids)


def unmet_parents(job: Job) -> tuple[str, ...]:
    if not job.unmet:
        return ()
    return (f"{counted(job.unmet, 'parent')} ended otherwise than it asks for, so whoever takes it cancels it",)


def expiry(job: Job) -> tuple[str, ...]:
    """When a job that was never claimed is not run any more."""
    if job.spec.expires_ms is None or job.epoch:
        return ()
    at = job.created_at + job.spec.expires_ms * 1000
    if at <= job.seen_at:
        return (f"it expired at {moment(at)}, so whoever takes it cancels it",)
    return (f"it expires at {moment(at)} unless it has begun",)


def task_paused(job: Job) -> Reason:
    return Reason(
        cause=Cause.TASK_PAUSED,
        text=f"the task {job.spec.task!r} is paused",
        bucket=task_bucket(job.spec.task),
        remedy=f"abaca tasks resume {job.spec.task}",
    )


async def by_limit(
    client: Client, job: Job, bucket: str, queue: QueueSettings, task: TaskSettings, reader: Reader
) -> Reason:
    """The limit that a job was set aside for, and who holds its permits now."""
    if bucket == queue_bucket(job.spec.queue):
        limit = Limit(bucket=bucket, concurrency=queue.concurrency)
        what, cause, query = f"the queue {job.spec.queue!r}", Cause.QUEUE_LIMIT, Query(queue=job.spec.queue)
    elif bucket == task_bucket(job.spec.task):
        if task.paused:
            return task_paused(job)
        limit = Limit(
            bucket=bucket, concurrency=task.concurrency, rate=task.rate, period_ms=task.period_ms, burst=task.burst
        )
        what, cause, query = f"the task {job.spec.task!r}", Cause.TASK_LIMIT, Query(task=job.spec.task)
    else:
        limit = await _limit(client, job, bucket)
        shared = bucket.startswith("name:")
        what, cause, query = f"the limit {bucket!r}", Cause.LIMIT, Query(task=None if shared else job.spec.task)
    holders = await _holders(client, query, bucket) if limit.concurrency else []
    text = f"{what} lets {_allows(limit)}"
    if holders:
        text += f", and {listed([reader.called(holder) for holder in holders], _SHOWN)} {_holds(holders)}"
    return Reason(cause=cause, text=text, bucket=bucket, jobs=reader.visible(holders[:_SHOWN]))


async def by_queue_limit(client: Client, job: Job, queue: QueueSettings, reader: Reader) -> Reason | None:
    """The concurrency of its queue, where it is reached and no claim has set the job aside yet."""
    if queue.concurrency is None:
        return None
    bucket = queue_bucket(job.spec.queue)
    running = await _holders(client, Query(queue=job.spec.queue), bucket)
    if len(running) < queue.concurrency:
        return None
    return await by_limit(client, job, bucket, queue, TaskSettings(), reader)


def _allows(limit: Limit) -> str:
    words = [] if limit.concurrency is None else [f"{limit.concurrency:,} run at once"]
    if limit.rate is not None:
        words.append(f"{limit.rate:,} start in {span(limit.period_ms / 1000)}")
    return " and ".join(words) or "no job through for the moment"


def _holds(holders: Sequence[Job]) -> str:
    return "holds the permit" if len(holders) == 1 else "hold the permits"


async def _limit(client: Client, job: Job, bucket: str) -> Limit:
    """A record for the bucket takes the place of what the job carries."""
    (record,) = await client.ask(lambda backend: backend.read(BUCKET, [bucket]))
    try:
        if record is not None and record.data is not None:
            return _decode_limit(record.data)
    except msgspec.MsgspecError:
        pass
    return next((limit for limit in job.spec.limits if limit.bucket == bucket), Limit(bucket=bucket))


async def _holders(client: Client, query: Query, bucket: str) -> list[Job]:
    """Running jobs that count under a bucket, longest first; at most so many are looked at."""
    own = not bucket.startswith(("queue:", "jobs-of:"))
    asked = msgspec.structs.replace(query, status=(Status.RUNNING,))
    running, _ = await first_jobs(client, asked, _MOST_HOLDERS)
    found = [job for job in running if not own or any(limit.bucket == bucket for limit in job.spec.limits)]
    return sorted(found, key=lambda job: job.claimed_at or 0)
