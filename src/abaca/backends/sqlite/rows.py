"""Jobs to rows and back. A row that cannot be read becomes a job with ``damage`` set, never an exception."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from abaca.backends.sqlite.tx import Tx, column, from_column, pack
from abaca.model import After, Callback, ErrorInfo, Job, Keep, KeyScope, Limit, NewJob, RetryRule, State, Tick


class Options(msgspec.Struct, frozen=True, omit_defaults=True):
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
    key_ms: int = 0
    replace: bool = False
    tick: Tick | None = None
    limits: tuple[Limit, ...] = ()
    start_within_ms: int | None = None
    expires_ms: int | None = None
    callbacks: tuple[Callback, ...] = ()
    carrier: dict[str, str] = {}


_PLAIN = msgspec.structs.astuple(Options())
_encode = msgspec.json.Encoder().encode
_decode_options = msgspec.json.Decoder(Options).decode
_decode_error = msgspec.json.Decoder(ErrorInfo).decode
_decode_family = msgspec.json.Decoder(tuple[int, int, tuple[After, ...]]).decode
_STATES = tuple(State)
_RUNNING = int(State.RUNNING)


def options_of(job: NewJob) -> str | None:
    """The ``options`` column of a job; ``None`` when it has none but defaults."""
    more = (job.retry, job.timeout_ms, job.lease_ms, job.keep, job.key_ms, job.replace, job.tick, job.limits)
    flow = (job.start_within_ms, job.expires_ms, job.callbacks, job.carrier)
    values = (job.delay_ms, job.run_at, job.tags, job.owner, job.tenant, job.parent, *more, *flow)
    return None if values == _PLAIN else _encode(Options(*values)).decode()


KEY_SCOPES = {KeyScope.LIVE: 0, KeyScope.WAITING: 1, KeyScope.PERIOD: 2}
_SCOPE_OF = (KeyScope.LIVE, KeyScope.WAITING, KeyScope.PERIOD, KeyScope.WAITING)

BY_PARENTS = ""
"""What is in ``blocked`` of a job with open parents. No bucket has an empty name."""
LARGE = 2000
"""Bytes of arguments above which they lie in ``bodies``: half a page of the file."""


def new_row(job: NewJob, now: int) -> tuple[object, ...]:
    """A job as ``insert.sql`` takes it."""
    return (
        bytes.fromhex(job.id),
        job.queue,
        job.priority,
        job.lane,
        job.run_at if job.run_at is not None else now + job.delay_ms * 1000,
        job.task,
        column(job.args) if len(job.args) <= LARGE else None,
        job.key,
        KEY_SCOPES[job.key_scope],
        options_of(job),
        job.lease_ms or None,
        bool(job.limits),
        job.tenant or "",
        None if job.start_within_ms is None else now + job.start_within_ms * 1000,
        now,
    )


def put_bodies(tx: Tx, jobs: Iterable[tuple[str, bytes]]) -> None:
    """Store the arguments of those jobs (id, args) whose rows have no room for them."""
    large = [(column(args), bytes.fromhex(id)) for id, args in jobs if len(args) > LARGE]
    if large:
        tx.many("put_body", large)


def read_jobs(tx: Tx, ids: Sequence[str]) -> dict[str, Job]:
    """Jobs by id; unknown ids are missing."""
    try:
        rows = tx.rows("rows", ids=pack(ids))
    except UnicodeDecodeError:  # one of them holds text that is none: find out which
        found = (read_alone(tx, id) for id in ids)
        return {job.id: job for job in found if job is not None}
    return {job.id: job for job in (job_of(row, tx.now) for row in rows)}


def read_alone(tx: Tx, id: str) -> Job | None:
    try:
        rows = tx.rows("rows", ids=pack([id]))
    except UnicodeDecodeError as error:
        return _damaged(tx.rows("damaged", id=bytes.fromhex(id))[0], str(error), tx.now)
    return job_of(rows[0], tx.now) if rows else None


def job_of(row: tuple[Any, ...], now: int) -> Job:
    """A row of ``rows.sql``, as read at ``now``."""
    try:
        return _job(row, now)
    except ValueError as error:  # msgspec's errors are ValueErrors too
        (id, state, _, _, _, due_at, _, _, _, _, created_at, epoch, revision, attempts, losses, _) = row[:16]
        (started_at, claimed_at, ended_at, lease_until, _, cancel, _, _, _, purged, *_) = row[16:]
        facts = (id, state, epoch, revision, attempts, losses, created_at, due_at, started_at, claimed_at)
        return _damaged((*facts, ended_at, lease_until, cancel, purged), str(error), now)


def _job(row: tuple[Any, ...], now: int) -> Job:
    # fmt: off
    (id, state, queue, priority, lane, due_at, task, args, key, options, created_at, epoch, revision, attempts, losses,
     memo, started_at, claimed_at, ended_at, lease_until, worker, cancel, result, error, progress, purged, key_scope,
     blocked, family) = row  # in one step: every claim comes through here
    # fmt: on
    runs = state == _RUNNING
    spec = _spec(id.hex(), task, from_column(args), queue, priority, lane, key, key_scope, options)
    if runs and epoch == 1 and not (attempts or cancel) and error is progress is family is None:
        return Job(  # a first run, which most claims are; leaving fields out is what it saves
            spec=spec,
            state=_STATES[_RUNNING],
            epoch=1,
            revision=revision,
            created_at=created_at,
            due_at=due_at,
            started_at=started_at,
            claimed_at=claimed_at,
            lease_until=lease_until,
            worker=worker,
            seen_at=now,
        )
    opened = unmet = 0
    if family is not None:
        opened, unmet, after = _decode_family(family)
        spec = msgspec.structs.replace(spec, after=after)
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
        blocked=blocked or None,
        open_parents=opened,
        unmet=unmet,
        purged=bool(purged),
        seen_at=now,
    )


def _spec(
    id: str,
    task: str,
    args: bytes,
    queue: str,
    priority: int,
    lane: str,
    key: str | None,
    key_scope: int,
    options: str | None,
) -> NewJob:
    if options is None:
        scope = _SCOPE_OF[key_scope]
        return NewJob(id=id, task=task, args=args, queue=queue, priority=priority, lane=lane, key=key, key_scope=scope)
    plain = _options(options)
    return NewJob(
        id=id,
        task=task,
        args=args,
        queue=queue,
        priority=priority,
        lane=lane,
        key=key,
        key_scope=_SCOPE_OF[key_scope],
        key_ms=plain.key_ms,
        replace=plain.replace,
        tick=plain.tick,
        limits=plain.limits,
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
        start_within_ms=plain.start_within_ms,
        expires_ms=plain.expires_ms,
        callbacks=plain.callbacks,
        carrier=plain.carrier,
    )


def limits_of(options: str | None) -> tuple[Limit, ...]:
    """The limits in an ``options`` column. One that cannot be read has none: the claim fails the job then."""
    try:
        return () if options is None else _options(options).limits
    except ValueError:
        return ()


@lru_cache(maxsize=512)
def _options(column: str) -> Options:
    """Jobs of one task mostly have the same options."""
    return _decode_options(column)


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
