"""The verb ``insert``, also for follow-up jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec

from abaca.backends.sqlite import edges, records
from abaca.backends.sqlite.admission import Room, rooms_in, shed
from abaca.backends.sqlite.limits import leave
from abaca.backends.sqlite.rows import new_row, put_bodies, read_jobs
from abaca.backends.sqlite.tx import Tx, binary_id, pack
from abaca.model import Inserted, KeyScope, NewJob, Receipt, State, job_topic, queue_topic

Rooms = dict[str, Room]
"""Of queues that can be full."""


def insert(tx: Tx, jobs: Sequence[NewJob], *, follows: bool = False) -> list[Receipt]:
    """Follow-ups of other jobs (``follows``) come in although a queue is full."""
    for job in jobs:
        if binary_id(job.id) is None:
            raise ValueError(f"job id {job.id!r} is not 32 lower-case hexadecimal digits")
    rooms = {} if follows else rooms_in(tx, {job.queue for job in jobs})
    receipts: list[Receipt] = []
    for plain, part in _parts(jobs, rooms):
        receipts += _insert_plain(tx, part) if plain else [_insert_judged(tx, job, rooms, follows) for job in part]
    return receipts


def _parts(jobs: Sequence[NewJob], rooms: Rooms) -> Iterator[tuple[bool, Sequence[NewJob]]]:
    """Stretches of jobs that may be stored at once, because only their ids are judged, and of all others."""
    if len({job.id for job in jobs}) != len(jobs):
        yield False, jobs
        return
    for plain, part in groupby(jobs, lambda job: not _is_judged(job) and job.queue not in rooms):
        yield plain, list(part)


def _is_judged(job: NewJob) -> bool:
    return job.key is not None or job.tick is not None or bool(job.after)


def _insert_plain(tx: Tx, jobs: Sequence[NewJob]) -> list[Receipt]:
    known = {id.hex() for (id,) in tx.rows("known", ids=pack([job.id for job in jobs]))}
    _store(tx, jobs)
    return [Receipt(id=job.id, outcome=Inserted.KNOWN if job.id in known else Inserted.INSERTED) for job in jobs]


def _insert_judged(tx: Tx, job: NewJob, rooms: Rooms, follows: bool) -> Receipt:
    if tx.rows("known", ids=pack([job.id])):
        return Receipt(id=job.id, outcome=Inserted.KNOWN)
    if job.tick is not None and not records.move_cursor(tx, job.tick):
        return Receipt(id=job.id, outcome=Inserted.PASSED)
    held = tx.rows("holder", key=job.key, now=tx.now) if job.key is not None else []
    if held:
        ((holder, state),) = held
        return _insert_held(tx, job, holder, state, rooms, follows)
    room = rooms.get(job.queue)
    full = None if room is None else room.refusal(job)
    lower = None if room is None or full is None else room.make_way(job)
    if full is not None and lower is None:
        return full
    orphan = None if follows else edges.without_parent(tx, job, job.id)
    if orphan is not None:
        return orphan
    if room is not None and lower is not None:
        shed(tx, lower[0], job.id, parental=lower[1])
        room.change(-1)
        _forget_due(rooms)
    _store(tx, [job])
    _hold_period(tx, job)
    if job.after:
        edges.link(tx, job)
    if room is not None:
        room.stored(job)
    return Receipt(id=job.id, outcome=Inserted.INSERTED)


def _insert_held(tx: Tx, new: NewJob, holder: bytes, state: int | None, rooms: Rooms, follows: bool) -> Receipt:
    id = holder.hex()
    if not new.replace or state != State.WAITING:
        return Receipt(id=id, outcome=Inserted.HELD)
    if new.after and edges.has_children(tx, id):
        return Receipt(id=id, outcome=Inserted.HELD)
    orphan = None if follows else edges.without_parent(tx, new, id)
    if orphan is not None:
        return orphan
    job = msgspec.structs.replace(new, id=id)
    (_, queue, priority, lane, due_at, task, args, _, key_scope, options, own_lease_ms, limited, *more) = new_row(
        job, tx.now
    )
    (before,) = read_jobs(tx, [id]).values()
    leave(tx, before)
    tx.run("drop_bodies", ids=pack([id]))
    tx.run("drop_asked", ids=pack([id]))
    tx.run("drop_edges_to", ids=pack([id]))
    tx.run(
        "replace",
        id=holder,
        queue=queue,
        priority=priority,
        lane=lane,
        due_at=due_at,
        task=task,
        args=args,
        key_scope=key_scope,
        options=options,
        own_lease_ms=own_lease_ms,
        limited=limited,
        tenant=more[0],
        deadline_at=more[1],
    )
    put_bodies(tx, [(id, job.args)])
    if job.after:
        edges.link(tx, job)
    tx.run("drop_period", key=job.key, holder=holder)
    _hold_period(tx, job)
    for other, by in ((before.spec.queue, -1), (job.queue, 1)):
        if other in rooms:
            rooms[other].change(by)
    _forget_due(rooms)
    tx.hint(queue_topic(job.queue))
    tx.hint(job_topic(id))
    return Receipt(id=id, outcome=Inserted.REPLACED)


def _forget_due(rooms: Rooms) -> None:
    """A job has left its line: parked ones and children may have entered others."""
    for room in rooms.values():
        room.forget_due()


def _hold_period(tx: Tx, job: NewJob) -> None:
    if job.key is not None and job.key_scope is KeyScope.PERIOD:
        tx.run("hold_period", key=job.key, holder=bytes.fromhex(job.id), ends_at=tx.now + job.key_ms * 1000)


def _store(tx: Tx, jobs: Sequence[NewJob]) -> None:
    tx.many("insert", [new_row(job, tx.now) for job in jobs])
    put_bodies(tx, ((job.id, job.args) for job in jobs))
    for queue in {job.queue for job in jobs}:
        tx.hint(queue_topic(queue))
