"""What the verbs send: jobs, settles, wants and changes as script arguments."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

import msgspec

from abaca.backends.redis.keys import pack_id
from abaca.backends.redis.packing import encode_error, escape_lane, pack_static
from abaca.backends.search import digest
from abaca.model import Change, KeyScope, Lease, NewJob, NewUpdate, Settle, Transition, Want

_PLACE = Struct("<16sBq")
_SETTLE = Struct("<IBBIIqq8sH")
_CHANGE = Struct("<16sBqqq")
_RUN = Struct("<16sI")
_UPDATE = Struct("<16sIIB")
_S_DELAY, _S_RESULT, _S_ERROR, _S_MEMO = 1, 2, 4, 8
_C_DELETE, _C_DROP_RESULT, _C_DUE_AT, _C_DUE_IN, _C_MOVES = 1, 2, 4, 8, 16
_P_INSTANT, _P_REPLACE, _P_PERIOD, _P_TICK = 1, 2, 4, 8
_NO_ID = bytes(16)

_encode = msgspec.msgpack.Encoder().encode


def packed_id(id: str) -> bytes:
    """The id as bytes; a text that is no id becomes one that no job has, so that it is simply unknown."""
    return pack_id(id) or _NO_ID


def pack_new(job: NewJob) -> tuple[bytes, bytes]:
    """Raises ``ValueError`` for an id that is not 32 lower-case hexadecimal digits."""
    id = pack_id(job.id)
    if id is None:
        raise ValueError(f"job id {job.id!r} is not 32 lower-case hexadecimal digits")
    if job.run_at is not None:
        how, number = _P_INSTANT, job.run_at
    else:
        how, number = 0, job.delay_ms
    if job.key is None and job.tick is None:
        return _PLACE.pack(id, how, number), pack_static(job)
    more: list[bytes] = []
    if job.replace:
        how |= _P_REPLACE
    if job.key_scope is KeyScope.PERIOD:
        how |= _P_PERIOD
        more.append(job.key_ms.to_bytes(8, "little", signed=True))
    if job.tick is not None:
        how |= _P_TICK
        more += (job.tick.at.to_bytes(8, "little", signed=True), job.tick.schedule.encode())
    return _PLACE.pack(id, how, number) + b"".join(more), pack_static(job)


def pack_settles(done: Sequence[Settle]) -> list[bytes]:
    """How many transitions, then each with the runs that make it. Runs that follow each other share the same object."""
    words: list[bytes] = [b""]
    count = at = 0
    while at < len(done):
        epoch, to = done[at].epoch, done[at].to
        ids = [packed_id(done[at].id)]
        at += 1
        while at < len(done) and done[at].to is to and done[at].epoch == epoch:
            ids.append(packed_id(done[at].id))
            at += 1
        count += 1
        _add_transition(words, epoch, to, ids)
    words[0] = b"%d" % count
    return words


def _add_transition(words: list[bytes], epoch: int, to: Transition, ids: list[bytes]) -> None:
    flags = 0
    parts: list[bytes] = []
    if to.delay_ms is not None:
        flags |= _S_DELAY
    if to.result is not None:
        flags |= _S_RESULT
        parts.append(to.result)
    if to.error is not None:
        flags |= _S_ERROR
        parts.append(encode_error(to.error))
    if to.memo:
        flags |= _S_MEMO
        parts.append(to.memo)
    for job in to.then:
        parts += pack_new(job)
    fixed = _SETTLE.pack(
        epoch,
        to.target,
        flags,
        to.attempts,
        to.losses,
        to.delay_ms or 0,
        to.keep_ms,
        digest(to),
        len(to.then),
    )
    words += (fixed, b"".join(ids), *parts)


def pack_want(want: Want, lease: Lease, name: str, channel: bytes) -> bytes:
    """``name`` is the waiter's when the claim may be held, else empty. Channels are text: a partition and a token."""
    queues = tuple(dict.fromkeys(want.queues))
    slots = {escape_lane(lane): count for lane, count in want.slots.items()}
    return _encode((lease.worker, lease.ms, want.max_bytes, queues, slots, name, channel.decode()))


def pack_run(id: str, epoch: int) -> bytes:
    return _RUN.pack(packed_id(id), epoch)


def pack_update(update: NewUpdate, kind: int) -> bytes:
    return _UPDATE.pack(packed_id(update.id), update.epoch, update.seq, kind)


def remakes(change: Change) -> bool:
    """Whether the change needs the static part of the record made anew."""
    fields = (change.priority, change.queue, change.tags, change.args)
    return not change.delete and any(value is not None for value in fields)


def pack_change(change: Change, read: tuple[int, bytes] | None) -> tuple[bytes, bytes]:
    """``read``: the revision that was read and the static part made of it."""
    flags = 0
    if change.delete:
        flags |= _C_DELETE
    if change.drop_result:
        flags |= _C_DROP_RESULT
    if change.run_at is not None:
        flags |= _C_DUE_AT
    elif change.delay_ms is not None:
        flags |= _C_DUE_IN
    moves = (change.run_at, change.delay_ms, change.priority, change.queue, change.args)
    if any(value is not None for value in moves):
        flags |= _C_MOVES
    number = change.run_at if change.run_at is not None else change.delay_ms or 0
    wanted = -1 if change.revision is None else change.revision
    seen, static = read if read is not None else (-1, b"")
    return _CHANGE.pack(packed_id(change.id), flags, wanted, seen, number), static


def amended_static(job: NewJob, change: Change) -> bytes:
    values = {
        name: value for name in ("priority", "queue", "tags", "args") if (value := getattr(change, name)) is not None
    }
    return pack_static(msgspec.structs.replace(job, **values))
