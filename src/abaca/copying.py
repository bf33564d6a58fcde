"""From one store to another: jobs that have not begun, and the records that say how jobs are to be handled.

Each job keeps its id, and a store judges the id first, so a copy that broke off is simply made again. What has begun
stays where it is: its attempts, its steps and its items are there, and so are results.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from abaca.announce import KIND as TASK
from abaca.bulk import amend_many, record_pages
from abaca.client import Client, batches
from abaca.errors import ConfigError
from abaca.keys import API_KEY
from abaca.model import (
    BUCKET,
    CURSOR,
    QUEUE,
    SCHEDULE,
    Amended,
    Change,
    Inserted,
    Job,
    KeyScope,
    NewJob,
    Query,
    Receipt,
    Status,
    Verdict,
)

KINDS = (CURSOR, SCHEDULE, QUEUE, BUCKET, TASK, API_KEY)
"""What is copied of records: schedules and how far they are, settings and limits, announced tasks, keys. A cursor comes
before its schedule, or a worker might fire it from the start."""
_WAITING = (Status.QUEUED, Status.SCHEDULED, Status.RETRYING, Status.BLOCKED)
_BATCH = 250


@dataclass(slots=True)
class Copied:
    """Counts. ``left`` says why jobs stayed, ``known`` counts those that were there already."""

    jobs: int = 0
    known: int = 0
    moved: int = 0
    records: int = 0
    known_records: int = 0
    left: Counter[str] = field(default_factory=Counter)


async def copy_store(
    source: Client, target: Client, *, move: bool = False, dry_run: bool = False, kinds: Sequence[str] = ()
) -> Copied:
    """Copy what waits and has not begun, and the records of ``KINDS`` and ``kinds``; nothing there is overwritten.

    ``move`` deletes each job from the source once the target has it. ``dry_run`` only counts.
    Raises ``ConfigError`` while the source has live workers: they would run what was copied as well.
    """
    copied = Copied()
    stats = await source.ask(lambda backend: backend.stats())
    if stats.workers:
        raise ConfigError(
            f"{len(stats.workers)} workers serve the store that is copied from, the first is "
            f"{stats.workers[0].name or stats.workers[0].id}: stop them, or both stores run the same jobs; "
            "one that was killed is forgotten after a minute"
        )
    if stats.running:
        copied.left["they run, or their worker is gone and their leases have not been reaped"] = stats.running
    for kind in dict.fromkeys((*KINDS, *kinds)):
        await _copy_records(kind, source, target, copied, dry_run=dry_run)
    with_parents: dict[str, Job] = {}
    taken: dict[str, int] = {}
    async for page in _waiting(source, copied):
        with_parents |= {job.id: job for job in page if job.spec.after}
        alone = [job for job in page if not job.spec.after]
        taken |= await _copy_jobs(alone, source, target, copied, dry_run=dry_run)
    members = _parents_first(with_parents, taken)
    copied.left["a job that they wait for stays"] += len(with_parents) - len(members)
    taken |= await _copy_jobs(members, source, target, copied, dry_run=dry_run)
    if move and not dry_run:
        children_first = [job.id for job in reversed(members) if job.id in taken]
        await _delete({id: taken[id] for id in [*children_first, *taken]}, source, copied)
    copied.left = +copied.left
    return copied


async def _waiting(source: Client, copied: Copied) -> AsyncIterator[list[Job]]:
    """Jobs that wait and have not begun, a page at a time."""
    query = Query(status=_WAITING, limit=_BATCH)
    while True:
        page = await source.ask(lambda backend: backend.find(query))  # noqa: B023 - called before it changes
        begun = [job for job in page.jobs if job.epoch]
        copied.left["they have begun"] += len(begun)
        yield [job for job in page.jobs if not job.epoch]
        if page.cursor is None:
            return
        query = msgspec.structs.replace(query, cursor=page.cursor)


def _parents_first(jobs: dict[str, Job], taken: Iterable[str]) -> list[Job]:
    """Those of the jobs all of whose parents are copied as well, each after its parents."""
    there = set(taken)
    ordered: list[Job] = []
    left = list(jobs.values())
    while ready := [job for job in left if there.issuperset(job.spec.parents)]:
        ordered += ready
        there.update(job.id for job in ready)
        left = [job for job in left if job.id not in there]
    return ordered


async def _copy_jobs(
    jobs: Sequence[Job], source: Client, target: Client, copied: Copied, *, dry_run: bool
) -> dict[str, int]:
    """The ids that the target has now, with their revisions in the source."""
    revisions = {job.id: job.revision for job in jobs}
    if dry_run:
        copied.jobs += len(jobs)
        return revisions
    whole = [_as_new(await source.blobs.whole_arguments(job)) for job in jobs]
    taken: dict[str, int] = {}
    for batch in batches(whole, _BATCH):
        parted = await target.parted(batch)
        receipts = await target.ask(lambda backend: backend.insert(parted))  # noqa: B023 - called before it changes
        for new, receipt in zip(batch, receipts, strict=True):
            if _count(new, receipt, copied):
                taken[new.id] = revisions[new.id]
    return taken


def _count(new: NewJob, receipt: Receipt, copied: Copied) -> bool:
    """Whether the target has the job now."""
    if receipt.outcome is Inserted.INSERTED:
        copied.jobs += 1
    elif receipt.outcome is Inserted.KNOWN:
        copied.known += 1
    elif receipt.outcome is Inserted.REFUSED:
        copied.left[receipt.reason] += 1
    elif receipt.outcome is Inserted.PASSED:
        copied.left["their schedule has fired a later tick there"] += 1
    else:
        copied.left["another job has their key there"] += 1
    return receipt.outcome in (Inserted.INSERTED, Inserted.KNOWN)


def _as_new(job: Job) -> NewJob:
    """The job as it would have to be enqueued now to be due, to expire and to hold its key as long as it would have."""
    spec, now = job.spec, job.seen_at
    fields: dict[str, object] = {"replace": False, "tick": None}
    if spec.start_within_ms is not None:
        fields["start_within_ms"] = max(1, spec.start_within_ms - (now - job.due_at) // 1000)
    elif not job.open_parents:
        fields |= {"run_at": job.due_at, "delay_ms": 0}
    if spec.expires_ms is not None:
        fields["expires_ms"] = max(1, spec.expires_ms - (now - job.created_at) // 1000)
    if spec.key_scope is KeyScope.PERIOD:
        fields["key_ms"] = max(1, spec.key_ms - (now - job.created_at) // 1000)
    return msgspec.structs.replace(spec, **fields)


async def _copy_records(kind: str, source: Client, target: Client, copied: Copied, *, dry_run: bool) -> None:
    async for page in record_pages(source.ask, kind):
        if dry_run:
            copied.records += len(page)
            continue
        records = [msgspec.structs.replace(record, version=0) for record in page]
        for verdict in await target.ask(lambda backend: backend.put(records)):  # noqa: B023
            if verdict is Verdict.APPLIED:
                copied.records += 1
            else:
                copied.known_records += 1


async def _delete(revisions: dict[str, int], source: Client, copied: Copied) -> None:
    changes = [Change(id=id, revision=revision, delete=True) for id, revision in revisions.items()]
    copied.moved += (await amend_many(source.ask, changes)).count(Amended.APPLIED)
