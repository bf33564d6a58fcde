"""Jobs to rows and back. A row that cannot be read becomes a job with ``damage`` set, never an exception."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from abaca.backends.sqlite.tx import Tx, from_column, pack, split_bytes
from abaca.model import ErrorInfo, Job, Keep, NewJob, RetryRule, State


class Options(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The fields of a ``NewJob`` that most leave at their default, as the ``options`` column holds them."""

    delay_ms: int = 0
    run_at: int | None = None
    tags: tuple[str, ...] = ()
    owner: str | None = None
    tenant: str | None = None
    parent: str | None = None
    retry: RetryRule | None = None
    timeout_ms: int | None = None
    lease_ms: int | None = None
    keep: Keep | None = None


_PLAIN = Options()
_encode = msgspec.json.Encoder().encode
_decode_options = msgspec.json.Decoder(Options).decode
_decode_error = msgspec.json.Decoder(ErrorInfo).decode
_STATES = tuple(State)


def options_of(job: NewJob) -> str | None:
    """The ``options`` column of a job; ``None`` when it has none but defaults."""
    options = Options(
        delay_ms=job.delay_ms,
        run_at=job.run_at,
        tags=job.tags,
        owner=job.owner,
        tenant=job.tenant,
        parent=job.parent,
        retry=job.retry,
        timeout_ms=job.timeout_ms,
        lease_ms=job.lease_ms,
        keep=job.keep,
    )
    return None if options == _PLAIN else _encode(options).decode()


def new_row(job: NewJob, now: int) -> tuple[object, ...]:
    """A job as ``insert.sql`` takes it."""
    text, binary = split_bytes(job.args)
    due_at = job.run_at if job.run_at is not None else now + job.delay_ms * 1000
    return (
        job.id,
        job.queue,
        job.priority,
        job.lane,
        due_at,
        job.task,
        text,
        binary,
        job.key,
        options_of(job),
        job.lease_ms or None,
    )


def read_jobs(tx: Tx, ids: Sequence[str]) -> dict[str, Job]:
    """Jobs by id; unknown ids are missing."""
    try:
        rows = tx.rows("rows", ids=pack(ids))
    except UnicodeDecodeError:  # one of them holds text that is none: find out which
        found = (_read_alone(tx, id) for id in ids)
        return {job.id: job for job in found if job is not None}
    return {job.id: job for job in jobs_of(rows, tx.now)}


def _read_alone(tx: Tx, id: str) -> Job | None:
    try:
        rows = tx.rows("rows", ids=pack([id]))
    except UnicodeDecodeError as error:
        return _damaged(tx.rows("damaged", id=bytes.fromhex(id))[0], str(error), tx.now)
    return job_of(rows[0], tx.now) if rows else None


def jobs_of(rows: Iterable[tuple[Any, ...]], now: int) -> list[Job]:
    return [job_of(row, now) for row in rows]


def job_of(row: tuple[Any, ...], now: int) -> Job:
    """A row of ``jobs``, in the order of its columns, as read at ``now``."""
    try:
        return _job(row, now)
    except ValueError as error:  # msgspec's errors are ValueErrors too
        (id, state, _, _, _, due_at, _, _, _, _, _, created_at, epoch, revision, attempts, losses) = row[:16]
        (started_at, claimed_at, ended_at, lease_until, _, cancel, _, _, _, purged) = row[17:27]
        facts = (id, state, epoch, revision, attempts, losses, created_at, due_at, started_at, claimed_at)
        return _damaged((*facts, ended_at, lease_until, cancel, purged), str(error), now)


def _job(row: tuple[Any, ...], now: int) -> Job:
    (id, state, queue, priority, lane, due_at, task, args, key, options, _) = row[:11]
    (created_at, epoch, revision, attempts, losses, memo) = row[11:17]
    (started_at, claimed_at, ended_at, lease_until, worker, cancel, result, error, progress, purged) = row[17:27]
    plain = _PLAIN if options is None else _decode_options(options)
    spec = NewJob(
        id=id.hex(),
        task=task,
        args=from_column(args),
        queue=queue,
        priority=priority,
        lane=lane,
        key=key,
        delay_ms=plain.delay_ms,
        run_at=plain.run_at,
        tags=plain.tags,
        owner=plain.owner,
        tenant=plain.tenant,
        parent=plain.parent,
        retry=plain.retry,
        timeout_ms=plain.timeout_ms,
        lease_ms=plain.lease_ms,
        keep=plain.keep,
    )
    runs = state == State.RUNNING
    return Job(
        spec=spec,
        state=_STATES[state],
        epoch=epoch,
        revision=revision,
        attempts=attempts,
        losses=losses,
        memo=memo or b"",
        created_at=created_at,
        due_at=due_at,
        started_at=started_at,
        claimed_at=claimed_at,
        ended_at=ended_at,
        lease_until=lease_until if runs else None,
        worker=worker if runs else None,
        cancel=bool(cancel),
        result=None if result is None else from_column(result),
        error=None if error is None else _decode_error(error),
        progress=None if progress is None else from_column(progress),
        purged=bool(purged),
        seen_at=now,
    )


def _damaged(facts: tuple[Any, ...], why: str, now: int) -> Job:
    """What is left of a job whose row cannot be read; ``facts`` are the columns that ``damaged.sql`` answers."""
    (id, state, epoch, revision, attempts, losses, created_at, due_at, started_at, claimed_at) = facts[:10]
    ended_at, lease_until, cancel, purged = facts[10:]
    return Job(
        spec=NewJob(id=id.hex(), task=""),
        state=_STATES[state] if 0 <= state < len(_STATES) else State.FAILED,
        epoch=epoch,
        revision=revision,
        attempts=attempts,
        losses=losses,
        created_at=created_at,
        due_at=due_at,
        started_at=started_at,
        claimed_at=claimed_at,
        ended_at=ended_at,
        lease_until=lease_until if state == State.RUNNING else None,
        cancel=bool(cancel),
        purged=bool(purged),
        damage=f"the stored record cannot be read: {why}",
        seen_at=now,
    )
