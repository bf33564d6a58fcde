"""What the verbs send: jobs, settles, wants and changes as script arguments."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from struct import Struct
from typing import Any

import msgspec

from abaca.backends.redis.keys import pack_id, pack_ids
from abaca.backends.redis.packing import encode_error
from abaca.backends.redis.statics import escape_lane, pack_static
from abaca.backends.search import digest
from abaca.model import Change, Job, KeyScope, Lease, NewJob, NewUpdate, Settle, Transition, Want

_PLACE = Struct("<16sBq")
_SETTLE = Struct("<IBBIIqq8sH")
_CHANGE = Struct("<16sBqqq")
_RUN = Struct("<16sI")
_UPDATE = Struct("<16sIIB")
_PLAIN = Struct("<BIIq")
_S_DELAY, _S_RESULT, _S_ERROR, _S_MEMO, _S_EACH = 1, 2, 4, 8, 16
_NO_DIGEST = bytes(8)
_C_DELETE, _C_DROP_RESULT, _C_DUE_AT, _C_DUE_IN, _C_MOVES = 1, 2, 4, 8, 16
_P_INSTANT, _P_REPLACE, _P_PERIOD, _P_TICK = 1, 2, 4, 8
_NO_ID = bytes(16)

_encode = msgspec.msgpack.Encoder().encode


def packed_id(id: str) -> bytes:
    """The id as bytes; a text that is no id becomes one that no job has, so that it is simply unknown."""
    return pack_id(id) or _NO_ID


def packed_ids(ids: Sequence[str]) -> bytes:
    """The same for many, one after the other; at once where all of them are ids."""
    packed = pack_ids(ids)
    return b"".join(map(packed_id, ids)) if packed is None else packed


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
    """How many transitions, then each with the runs that make it, in order.

    Runs that follow each other and share one object travel as a list of ids; those that differ in the result alone, as
    a list of ids and results.
    """
    if len(done) == 1 and _is_plain(done[0].to):
        return [b"1", _fixed(done[0].epoch, done[0].to, _S_EACH, _NO_DIGEST), _with_results(done, done[0].to)]
    words: list[bytes] = [b""]
    count = at = 0
    while at < len(done):
        epoch, to, end = done[at].epoch, done[at].to, _end_of_same(done, at)
        if end == at + 1 and _is_plain(to):
            end = _end_of_alike(done, at)
            words += (_fixed(epoch, to, _S_EACH, _NO_DIGEST), _with_results(done[at:end], to))
        else:
            words += _transition(epoch, to, [settle.id for settle in done[at:end]])
        at = end
        count += 1
    words[0] = b"%d" % count
    return words


def _end_of_same(done: Sequence[Settle], at: int) -> int:
    epoch, to = done[at].epoch, done[at].to
    while at < len(done) and done[at].to is to and done[at].epoch == epoch:
        at += 1
    return at


def _end_of_alike(done: Sequence[Settle], at: int) -> int:
    """Where plain ends stop that differ in the result alone."""
    epoch, first = done[at].epoch, done[at].to
    target, attempts, losses, keep_ms = first.target, first.attempts, first.losses, first.keep_ms
    for end in range(at + 1, len(done)):
        settle = done[end]
        to = settle.to
        alike = (
            to.target is target
            and to.attempts == attempts
            and to.keep_ms == keep_ms
            and to.losses == losses
            and settle.epoch == epoch
        )
        if not alike or not _is_plain(to):
            return end
    return len(done)


def _is_plain(to: Transition) -> bool:
    """An end with a result and nothing else."""
    return to.result is not None and to.error is None and not to.memo and not to.then and to.delay_ms is None


def _with_results(done: Sequence[Settle], to: Transition) -> bytes:
    ids = packed_ids([settle.id for settle in done])
    head = _plain_head(to)
    parts: list[bytes] = []
    for number, settle in enumerate(done):
        result = settle.to.result or b""
        id = ids[16 * number : 16 * number + 16]
        parts += (id, blake2b(head + result, digest_size=8).digest(), len(result).to_bytes(4, "little"), result)
    return b"".join(parts)


def _plain_head(to: Transition) -> bytes:
    return _PLAIN.pack(to.target, to.attempts, to.losses, to.keep_ms)


def _digest(to: Transition) -> bytes:
    """As ``digest``, in less time for the plain ends that most jobs come to."""
    if not _is_plain(to):
        return digest(to)
    return blake2b(_plain_head(to) + (to.result or b""), digest_size=8).digest()


def _fixed(epoch: int, to: Transition, flags: int, digest: bytes) -> bytes:
    return _SETTLE.pack(
        epoch,
        to.target,
        flags,
        to.attempts,
        to.losses,
        to.delay_ms or 0,
        to.keep_ms,
        digest,
        len(to.then),
    )


def _transition(epoch: int, to: Transition, ids: list[str]) -> list[bytes]:
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
    return [_fixed(epoch, to, flags, _digest(to)), packed_ids(ids), *parts]


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
    """Whether the change surely needs the static part of the record made anew."""
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
    moves = (change.run_at, change.delay_ms, change.priority, change.queue)
    if any(value is not None for value in moves):
        flags |= _C_MOVES
    number = change.run_at if change.run_at is not None else change.delay_ms or 0
    wanted = -1 if change.revision is None else change.revision
    seen, static = read if read is not None else (-1, b"")
    return _CHANGE.pack(packed_id(change.id), flags, wanted, seen, number), static


def amended_static(job: Job, change: Change) -> bytes:
    values: dict[str, Any] = {
        name: value for name in ("priority", "queue", "tags", "args") if (value := getattr(change, name)) is not None
    }
    if change.run_at is not None or change.delay_ms is not None:
        if job.open_parents:
            values["delay_ms"] = 0
        if not job.epoch:
            values["start_within_ms"] = None
    return pack_static(msgspec.structs.replace(job.spec, **values))
