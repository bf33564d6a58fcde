"""How a job is packed in one string value; ``lua/record.lua`` has the same layout for the scripts."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

import msgspec

from abaca.backends.redis.statics import take, unpack_static, unpack_static_at
from abaca.model import ErrorInfo, Job, Kind, NewJob, State, Update

FRESH, DELAYED, FULL, LEASED, DONE, PARENT = 0xAB, 0xAC, 0xAD, 0xAE, 0xAF, 0xB0
HEADER = Struct("<BBBIIIIII8sqqqqqqqqIIB")
_LEASED_HEAD = Struct("<BBqqq")
_DONE_HEAD = Struct("<BBBIIqqq")
_DIGEST_SIZE = 8
_FLAG_CANCEL, _FLAG_PURGED = 8, 16
_TAIL_MEMO, _TAIL_ERROR, _TAIL_PROGRESS, _TAIL_RESULT, _TAIL_BLOCKED, _TAIL_PERMITS = 1, 2, 4, 8, 16, 32
_TAIL_PARENTS = 64
_TAILS = (_TAIL_MEMO, _TAIL_ERROR, _TAIL_PROGRESS, _TAIL_RESULT, _TAIL_BLOCKED, _TAIL_PERMITS, _TAIL_PARENTS)
_PARENTS = Struct("<II")
_UNREADABLE = "its stored record cannot be read"
FIRST_ENTRY = 3

_ENTRY = Struct("<IBqI")
_KINDS = tuple(Kind)
KIND_NUMBER = {kind: number for number, kind in enumerate(_KINDS)}


encode_error = msgspec.json.Encoder().encode
_decode_error = msgspec.json.Decoder(ErrorInfo).decode

_replace = msgspec.structs.replace
_STATES = tuple(State)
_SHORT = {bytes((FRESH,)), bytes((DELAYED,))}
_PARENT = bytes((PARENT,))


def unpack_job(packed_id: bytes, value: bytes, seen_at: int) -> Job:
    """The job in a stored value. One that cannot be read comes with ``damage`` set and as much as could be."""
    id = packed_id.hex()
    form = value[0] if value else 0
    if form == PARENT:
        value = value[1:]
        form = value[0] if value else 0
    try:
        if form == FULL:
            return _unpack_full(id, value, seen_at)
        if form == LEASED:
            return _unpack_leased(id, value, seen_at)
        if form == DONE:
            return _unpack_done(id, value, seen_at)
        created_at, due_at, spec = _unpack_short(id, value)
        return Job(spec=spec, revision=1, created_at=created_at, due_at=due_at, seen_at=seen_at)
    except Exception as error:
        return _damaged(id, error, seen_at)


_NO_SPEC = NewJob(id="", task="")


def unpack_claimed(parts: Sequence[bytes], now: int, worker: str, lease_ms: int) -> list[Job]:
    """The jobs of a claim's answer (id, record, id, ...): a short record is the one before the job's first claim."""
    if not parts:
        return []
    first = Job(
        spec=_NO_SPEC,
        state=State.RUNNING,
        epoch=1,
        revision=2,
        started_at=now,
        claimed_at=now,
        lease_until=now + 1000 * lease_ms,
        worker=worker,
        seen_at=now,
    )
    jobs = []
    for at in range(0, len(parts), 2):
        packed_id, value = parts[at], parts[at + 1]
        if value[:1] in _SHORT:
            jobs.append(_claimed(packed_id.hex(), value, first))
        else:
            jobs.append(unpack_job(packed_id, value, now))
    return jobs


def _claimed(id: str, value: bytes, first: Job) -> Job:
    try:
        created_at, due_at, spec = _unpack_short(id, value)
    except Exception as error:
        return _replace(first, spec=NewJob(id=id, task=""), damage=f"{_UNREADABLE}: {error}")
    if spec.lease_ms is None:
        return _replace(first, spec=spec, created_at=created_at, due_at=due_at)
    ends = (first.claimed_at or 0) + 1000 * spec.lease_ms
    return _replace(first, spec=spec, created_at=created_at, due_at=due_at, lease_until=ends)


def _unpack_short(id: str, value: bytes, at: int = 0) -> tuple[int, int, NewJob]:
    """When it was made, when it is due, and the rest of a record that begins at ``at``."""
    form = value[at] if at < len(value) else 0
    created_at = due_at = int.from_bytes(value[at + 1 : at + 8], "little")
    at += 8
    if form == DELAYED:
        due_at = int.from_bytes(value[at : at + 8], "little", signed=True)
        at += 8
    elif form != FRESH:
        raise ValueError("its first byte is unknown")
    return created_at, due_at, unpack_static_at(id, value, at)


def _damaged(id: str, error: Exception, seen_at: int) -> Job:
    return Job(spec=NewJob(id=id, task=""), damage=f"{_UNREADABLE}: {error}", seen_at=seen_at)


def _unpack_leased(id: str, value: bytes, seen_at: int) -> Job:
    _, size, claimed_at, lease_until, _ = _LEASED_HEAD.unpack_from(value)
    created_at, due_at, spec = _unpack_short(id, value, size)
    return Job(
        spec=spec,
        state=State.RUNNING,
        epoch=1,
        revision=2,
        created_at=created_at,
        due_at=due_at,
        started_at=claimed_at,
        claimed_at=claimed_at,
        lease_until=lease_until,
        worker=value[_LEASED_HEAD.size : size].decode(),
        seen_at=seen_at,
    )


def _unpack_done(id: str, value: bytes, seen_at: int) -> Job:
    _, state, kinds, attempts, losses, claimed_at, ended_at, _ = _DONE_HEAD.unpack_from(value)
    at, result = _DONE_HEAD.size + _DIGEST_SIZE, None
    if kinds == _TAIL_RESULT:
        result, at = take(value, at, 4)
    elif kinds:
        raise ValueError("it has parts that this form does not have")
    created_at, due_at, spec = _unpack_short(id, value, at)
    return Job(
        spec=spec,
        state=_STATES[state],
        epoch=1,
        revision=3,
        attempts=attempts,
        losses=losses,
        created_at=created_at,
        due_at=due_at,
        started_at=claimed_at,
        claimed_at=claimed_at,
        ended_at=ended_at,
        result=result,
        seen_at=seen_at,
    )


def _unpack_full(id: str, value: bytes, seen_at: int) -> Job:
    (_, flags, kinds, epoch, revision, attempts, losses, _, _, _, *times, _, _, _, tail_size, worker_size) = (
        HEADER.unpack_from(value)
    )
    created_at, due_at, started_at, claimed_at, ended_at, lease_until = times
    state = _STATES[flags & 7]
    tail_at = HEADER.size + worker_size
    memo, error, progress, result, blocked, damage = b"", None, None, None, None, None
    open_parents = unmet = 0
    try:
        if kinds:
            tail = value[tail_at : tail_at + tail_size]
            memo, error, progress, result, blocked, (open_parents, unmet) = _unpack_tail(kinds, tail)
        spec = unpack_static(id, value[tail_at + tail_size :])
    except Exception as problem:
        spec, damage = NewJob(id=id, task=""), f"{_UNREADABLE}: {problem}"
    running = state is State.RUNNING
    return Job(
        spec=spec,
        state=state,
        epoch=epoch,
        revision=revision,
        attempts=attempts,
        losses=losses,
        memo=memo,
        created_at=created_at,
        due_at=due_at,
        started_at=started_at or None,
        claimed_at=claimed_at or None,
        ended_at=ended_at or None,
        lease_until=lease_until if running else None,
        worker=value[HEADER.size : tail_at].decode() if running else None,
        cancel=bool(flags & _FLAG_CANCEL),
        result=result,
        error=error,
        progress=progress,
        blocked=blocked,
        open_parents=open_parents,
        unmet=unmet,
        purged=bool(flags & _FLAG_PURGED),
        damage=damage,
        seen_at=seen_at,
    )


_Tail = tuple[bytes, ErrorInfo | None, bytes | None, bytes | None, str | None, tuple[int, int]]


def _unpack_tail(kinds: int, tail: bytes) -> _Tail:
    """Memo, error, progress, result, the bucket that holds the job back, and how many parents are open and unmet.

    Permits are the store's own business.
    """
    found: dict[int, bytes] = {}
    at = 0
    for flag in _TAILS:
        if kinds & flag:
            found[flag], at = take(tail, at, 4)
    error = _decode_error(found[_TAIL_ERROR]) if _TAIL_ERROR in found else None
    blocked = found[_TAIL_BLOCKED].decode() if _TAIL_BLOCKED in found else None
    progress, result = found.get(_TAIL_PROGRESS), found.get(_TAIL_RESULT)
    parents = _PARENTS.unpack(found[_TAIL_PARENTS]) if _TAIL_PARENTS in found else (0, 0)
    return found.get(_TAIL_MEMO, b""), error, progress, result, blocked, parents


def next_entry_of(value: bytes) -> int:
    """The id of the next log entry of a stored job."""
    at = 1 if value[:1] == _PARENT else 0
    whole = len(value) >= at + HEADER.size and value[at] == FULL
    return int(HEADER.unpack_from(value, at)[18]) if whole else FIRST_ENTRY


def unpack_entry(packed: bytes) -> Update:
    number, kind, at, attempt = _ENTRY.unpack_from(packed)
    return Update(id=number, kind=_KINDS[kind], at=at, attempt=attempt, data=packed[_ENTRY.size :])
