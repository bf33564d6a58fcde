"""What ``find`` means: the same filter for every store that has to filter by hand, and the checks all stores share."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from abaca.backend import MAX_BATCH, MAX_PARENTS, MAX_RECORD_BYTES, UNKNOWN_PARENT
from abaca.model import Job, NewJob, Query, Record, Transition

_encode = msgspec.msgpack.Encoder().encode


def matches(job: Job, query: Query) -> bool:
    """Whether a job, as read, answers the query. Tombstones match by id and status alone."""
    spec = job.spec
    if query.status and job.status not in query.status:
        return False
    if job.purged:
        return _names_nothing_else(query) and (query.text is None or query.text in job.id)
    exact = (
        (query.queue, spec.queue),
        (query.task, spec.task),
        (query.owner, spec.owner),
        (query.tenant, spec.tenant),
        (query.key, spec.key),
        (query.parent, spec.parent),
    )
    if any(wanted is not None and wanted != value for wanted, value in exact):
        return False
    if query.tag is not None and query.tag not in spec.tags:
        return False
    if query.created_after is not None and job.created_at <= query.created_after:
        return False
    if query.created_before is not None and job.created_at >= query.created_before:
        return False
    return query.text is None or _contains(job, query.text)


def _names_nothing_else(query: Query) -> bool:
    """Whether the query asks for nothing that a tombstone no longer has."""
    named = (query.queue, query.task, query.owner, query.tenant, query.tag, query.key, query.parent)
    return all(value is None for value in (*named, query.created_after, query.created_before))


def _contains(job: Job, text: str) -> bool:
    return text in job.id or text in job.spec.task or text.encode() in job.spec.args


def digest(transition: Transition) -> bytes:
    """Eight bytes that tell one transition from another, kept by the store to recognise a repeated settle."""
    return hashlib.blake2b(_encode(transition), digest_size=8).digest()


def check_new(jobs: Sequence[NewJob]) -> None:
    """``check_batch``, and ``ValueError`` for a job that no store can hold."""
    check_batch(jobs)
    for job in jobs:
        if job.after:
            parents = job.parents
            if len(parents) > MAX_PARENTS:
                raise ValueError(f"job {job.id}: {len(parents)} parents; at most {MAX_PARENTS} are possible")
            if len(set(parents)) < len(parents):
                raise ValueError(f"job {job.id}: a parent is named twice")
        if job.start_within_ms is not None and (job.delay_ms or job.run_at is not None):
            raise ValueError(f"job {job.id}: start_within_ms goes with neither delay_ms nor run_at")


def unknown_parent(parent: str, job: str) -> str:
    """Why a job is refused that would wait for one that is not stored."""
    return f"{UNKNOWN_PARENT}: job {parent} is not stored, so that job {job} would wait for nothing"


def check_batch(items: Sequence[Any]) -> None:
    """Raise ``ValueError`` for a batch above ``MAX_BATCH``: callers split, stores do not."""
    if len(items) > MAX_BATCH:
        raise ValueError(f"a batch of {len(items)} is above the limit of {MAX_BATCH}; split it")


def check_records(records: Sequence[Record], together: bool) -> None:
    """Raise ``ValueError`` for a batch that ``put`` does not take."""
    check_batch(records)
    for record in records:
        if record.data is not None and len(record.data) > MAX_RECORD_BYTES:
            size = len(record.data)
            raise ValueError(f"record {record.kind}/{record.id} has {size} bytes; the limit is {MAX_RECORD_BYTES}")
    if together and len({(record.kind, record.id) for record in records}) < len(records):
        raise ValueError("a record is named twice among those to be put together; each can be written once")
