"""What people and clients do to jobs: ``cancel``, ``requeue``, ``amend``, ``purge``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from abaca.backend import CARD_LIFE_MS, HELD_AGAIN_MS, MIN_TOMBSTONE_MS
from abaca.backends.sqlite.edges import link_again, tell_end, tell_restart, unlink
from abaca.backends.sqlite.ends import count_ended, hint_ended
from abaca.backends.sqlite.limits import leave
from abaca.backends.sqlite.rows import LARGE, options_of, put_bodies, read_jobs
from abaca.backends.sqlite.settles import runs_of
from abaca.backends.sqlite.tx import Tx, column, pack
from abaca.model import (
    Amended,
    Cancelled,
    Change,
    Job,
    Keep,
    KeyScope,
    Kind,
    Requeued,
    State,
    job_topic,
    queue_topic,
)

_DEFAULT_KEEP = Keep()


def cancel(tx: Tx, ids: Sequence[str]) -> list[Cancelled]:
    return [_cancel(tx, id) for id in ids]


def _cancel(tx: Tx, id: str) -> Cancelled:
    run = runs_of(tx, [id]).get(id)
    if run is None:
        return Cancelled.UNKNOWN
    if run.state >= State.COMPLETED:
        return Cancelled.ALREADY
    if run.state == State.RUNNING:
        tx.run("flag_cancel", ids=pack([id]))
        tx.hint(job_topic(id))
        return Cancelled.FLAGGED
    job = read_jobs(tx, [id])[id]
    keep = job.spec.keep or _DEFAULT_KEEP
    leave(tx, job)
    tx.run("end_waiting", id=bytes.fromhex(id), now=tx.now, keep_ms=keep.cancelled_ms)
    count_ended(tx, Counter([State.CANCELLED]))
    if run.parental:
        tell_end(tx, [id])
    hint_ended(tx, [id])
    return Cancelled.ENDED


def requeue(tx: Tx, runs: Sequence[tuple[str, int]]) -> list[Requeued]:
    return [_requeue(tx, id, epoch) for id, epoch in runs]


def _requeue(tx: Tx, id: str, epoch: int) -> Requeued:
    job = read_jobs(tx, [id]).get(id)
    if job is None or job.purged:
        return Requeued.UNKNOWN
    if job.epoch == epoch and job.state is State.WAITING and not (job.attempts or job.losses):
        return Requeued.REQUEUED
    if job.epoch != epoch or not job.state.ended:
        return Requeued.STALE
    key = job.spec.key
    if key is not None and job.spec.key_scope is not KeyScope.PERIOD and tx.rows("holder", key=key, now=tx.now):
        return Requeued.HELD
    entry = tx.rows("next_entry", id=bytes.fromhex(id))[0][0]
    was = f'"{job.state.name.lower()}"'
    entries = [
        (id, entry, Kind.STATUS, job.attempts, was, None),
        (id, entry + 1, Kind.STATUS, 0, '"requeued"', None),
    ]
    tx.run("log", entries=pack(entries), now=tx.now)
    tx.run("count_gone", ids=pack([id]))
    tx.run("requeue", id=bytes.fromhex(id), now=tx.now)
    if job.spec.after:
        link_again(tx, job.spec)
    tell_restart(tx, id, job.state)
    tx.hint(queue_topic(job.spec.queue))
    tx.hint(job_topic(id))
    return Requeued.REQUEUED


def amend(tx: Tx, changes: Sequence[Change]) -> list[Amended]:
    return [_amend(tx, change) for change in changes]


def _amend(tx: Tx, change: Change) -> Amended:
    job = read_jobs(tx, [change.id]).get(change.id)
    if job is None or job.purged:
        return Amended.UNKNOWN
    if job.state is State.RUNNING:
        return Amended.BUSY
    if change.revision is not None and change.revision != job.revision:
        return Amended.STALE
    moves = (change.run_at, change.delay_ms, change.priority, change.queue)
    moved = any(value is not None for value in moves)
    if job.damage is not None and not change.delete:  # the rest would be written over with defaults
        return Amended.STALE
    if (job.state.ended and moved) or (change.drop_result and not job.state.ended):
        return Amended.STALE
    if job.state is State.WAITING:
        leave(tx, job)
    if change.delete:
        tx.run("drop_period", key=job.spec.key, holder=bytes.fromhex(change.id))
        if job.state is State.WAITING:
            tell_end(tx, [change.id], State.CANCELLED)
        unlink(tx, [change.id])
        delete(tx, [change.id])
    else:
        _rewrite(tx, job, change)
    tx.hint(job_topic(change.id))
    return Amended.APPLIED


def _rewrite(tx: Tx, job: Job, change: Change) -> None:
    fields = {
        name: value for name in ("priority", "queue", "tags", "args") if (value := getattr(change, name)) is not None
    }
    spec = msgspec.structs.replace(job.spec, **fields)
    dated = job.epoch == 0 and spec.start_within_ms is not None
    if change.run_at is not None or change.delay_ms is not None:
        if job.open_parents:
            spec = msgspec.structs.replace(spec, delay_ms=0)
        if dated:
            spec, dated = msgspec.structs.replace(spec, start_within_ms=None), False
    due_at = job.due_at
    if change.run_at is not None:
        due_at = change.run_at
    elif change.delay_ms is not None:
        due_at = tx.now + change.delay_ms * 1000
    tx.run("drop_bodies", ids=pack([job.id]))
    tx.run(
        "amend",
        id=bytes.fromhex(job.id),
        queue=spec.queue,
        priority=spec.priority,
        due_at=due_at,
        dated=dated,
        options=options_of(spec),
        limited=bool(spec.limits),
        args=column(spec.args) if len(spec.args) <= LARGE else None,
        result=None if change.drop_result else column(job.result),
    )
    put_bodies(tx, [(job.id, spec.args)])
    if job.state is State.WAITING:
        tx.hint(queue_topic(spec.queue))


def delete(tx: Tx, ids: list[str]) -> None:
    tx.run("delete_logs", ids=pack(ids))
    tx.run("drop_bodies", ids=pack(ids))
    tx.run("count_gone", ids=pack(ids))
    tx.run("delete_jobs", ids=pack(ids))


def purge(tx: Tx, limit: int) -> int:
    """Also drops what nobody reads any more: expired records and the cards of workers long gone."""
    past = tx.rows("past", now=tx.now, limit=limit)
    held = [id for id, _, _, held in past if held]
    tombstones = [id for id, purged, _, held in past if purged and not held]
    ended = [id for id, purged, _, held in past if not purged and not held]
    edged = [id for id, _, edged, held in past if edged and not held]
    if held:
        tx.run("put_off", ids=pack(held), leaves_at=tx.now + HELD_AGAIN_MS * 1000)
    if edged:
        unlink(tx, edged)
    if tombstones:
        delete(tx, tombstones)
    if ended:
        tx.run("delete_logs", ids=pack(ended))
        tx.run("drop_bodies", ids=pack(ended))
        tx.run("bury", ids=pack(ended), least_ms=MIN_TOMBSTONE_MS)
    tx.run("drop_records", now=tx.now)
    tx.run("drop_periods", now=tx.now)
    tx.run("drop_rates", now=tx.now)
    tx.run("drop_cards", before=tx.now - CARD_LIFE_MS * 1000)
    return len(past) - len(held)
