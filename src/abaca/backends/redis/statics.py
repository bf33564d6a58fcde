"""The static part of a packed record: the new job as it was asked for, which only an amendment changes.

``lua/record.lua`` has the same layout for the scripts.
"""

from __future__ import annotations

import msgspec

from abaca.backends.redis.keys import pack_ids
from abaca.model import After, Callback, Keep, KeyScope, Limit, NewJob, RetryRule, Tick, When

_HAS_KEY, _HAS_LEASE, _HAS_KEEP, _HAS_OPTIONS = 1, 2, 4, 8
_KEY_WAITING, _KEY_PERIOD, _HAS_RULES, _DAMAGED = 16, 32, 64, 128
_SCOPE_FLAG = {KeyScope.LIVE: 0, KeyScope.WAITING: _KEY_WAITING, KeyScope.PERIOD: _KEY_PERIOD}
_SCOPES = {flag: scope for scope, flag in _SCOPE_FLAG.items()}
_MOST_CACHED = 2048
_LARGEST_CACHED = 1024
_ID_BYTES = 16


_STR_32 = b"\xdb"
_NOTHING = msgspec.Raw(b"\xc0")


class _Edges(msgspec.Struct, frozen=True, array_like=True):
    """``After``, its ids packed one after the other (``_as_text``), or a list where a text among them is no id."""

    ids: msgspec.Raw
    when: When
    into: str | None
    many: bool


class _Options(msgspec.Struct, frozen=True, omit_defaults=True, rename="pascal"):
    """What most jobs do not have. Scripts read ``limits``, ``after``, ``start_within_ms`` and ``tenant``, where a flag
    says so."""

    tags: tuple[str, ...] = ()
    owner: str | None = None
    tenant: str | None = None
    parent: str | None = None
    retry: RetryRule | None = None
    timeout_ms: int | None = None
    keep: Keep | None = None
    delay_ms: int = 0
    run_at: int | None = None
    key_ms: int = 0
    replace: bool = False
    tick: Tick | None = None
    limits: tuple[Limit, ...] = ()
    after: tuple[_Edges, ...] = ()
    callbacks: msgspec.Raw = _NOTHING
    expires_ms: int | None = None
    start_within_ms: int | None = None
    carrier: dict[str, str] = {}


_encode = msgspec.msgpack.Encoder().encode
_decode_texts = msgspec.msgpack.Decoder(tuple[str, ...]).decode
_decode_callbacks = msgspec.msgpack.Decoder(tuple[Callback, ...]).decode
_decode_options = msgspec.msgpack.Decoder(_Options).decode
_replace = msgspec.structs.replace

_plain: dict[tuple[str, int, str, str], bytes] = {}
_read: dict[bytes, NewJob] = {}


def escape_lane(lane: str) -> str:
    return lane.replace("%", "%25").replace("|", "%7C")


def _unescape_lane(lane: str) -> str:
    return lane.replace("%7C", "|").replace("%25", "%")


def line_text(queue: str, priority: int, lane: str) -> str:
    return f"{priority}|{escape_lane(lane)}|{queue}"


def split_line(text: str) -> tuple[str, int, str]:
    """Queue, priority and lane of a line's text."""
    priority, lane, queue = text.split("|", 2)
    return queue, int(priority), _unescape_lane(lane)


def pack_static(job: NewJob) -> bytes:
    """The part of the record that only an amendment changes. Raises ``ValueError`` for names that are too long."""
    plain = (
        job.key is None
        and not job.tags
        and job.owner is None
        and job.tenant is None
        and job.parent is None
        and job.retry is None
        and job.timeout_ms is None
        and job.lease_ms is None
        and job.keep is None
        and job.run_at is None
        and not job.delay_ms
        and job.tick is None
        and not job.replace
        and job.key_scope is KeyScope.LIVE
        and not job.key_ms
        and not job.limits
        and not job.after
        and not job.callbacks
        and job.expires_ms is None
        and job.start_within_ms is None
        and not job.carrier
    )
    if not plain:
        return _prefix(job) + job.args
    name = (job.queue, job.priority, job.lane, job.task)
    prefix = _plain.get(name)
    if prefix is None:
        if len(_plain) >= _MOST_CACHED:
            _plain.clear()
        prefix = _plain[name] = _prefix(job)
    return prefix + job.args


def _prefix(job: NewJob) -> bytes:
    flags = _SCOPE_FLAG[job.key_scope]
    if job.limits or job.after or job.start_within_ms is not None or job.tenant is not None:
        flags |= _HAS_RULES
    parts: list[bytes] = []
    if job.lease_ms is not None:
        flags |= _HAS_LEASE
        parts.append(job.lease_ms.to_bytes(8, "little", signed=True))
    if job.keep is not None:
        flags |= _HAS_KEEP
        parts.append(job.keep.cancelled_ms.to_bytes(8, "little", signed=True))
    parts.append(_sized(line_text(job.queue, job.priority, job.lane).encode(), 1, f"queue {job.queue!r} and its lane"))
    if job.key is not None:
        flags |= _HAS_KEY
        parts.append(_sized(job.key.encode(), 2, "the key"))
    options = _encode(
        _Options(
            tags=job.tags,
            owner=job.owner,
            tenant=job.tenant,
            parent=job.parent,
            retry=job.retry,
            timeout_ms=job.timeout_ms,
            keep=job.keep,
            delay_ms=job.delay_ms,
            run_at=job.run_at,
            key_ms=job.key_ms,
            replace=job.replace,
            tick=job.tick,
            limits=job.limits,
            after=tuple(map(_pack_edges, job.after)),
            callbacks=_as_text(_encode(job.callbacks)) if job.callbacks else _NOTHING,
            expires_ms=job.expires_ms,
            start_within_ms=job.start_within_ms,
            carrier=job.carrier,
        )
    )
    if len(options) > 1:
        flags |= _HAS_OPTIONS
        parts.append(_sized(options, 4, "the options"))
    parts.append(job.task.encode())
    body = b"".join(parts)
    return (4 + len(body)).to_bytes(3, "little") + bytes((flags,)) + body


def _sized(data: bytes, width: int, what: str) -> bytes:
    if len(data) >= 1 << 8 * width:
        raise ValueError(f"{what} has {len(data)} bytes; the limit is {(1 << 8 * width) - 1}")
    return len(data).to_bytes(width, "little") + data


def unpack_static(id: str, static: bytes) -> NewJob:
    """The new job as it was inserted or amended. Raises ``ValueError`` (or a decoding error) when it is damaged."""
    return unpack_static_at(id, static, 0)


def unpack_static_at(id: str, value: bytes, at: int) -> NewJob:
    """The same of a static part that begins at ``at``."""
    end = at + (value[at] | value[at + 1] << 8 | value[at + 2] << 16)
    prefix = value[at:end]
    return _replace(_read.get(prefix) or _learn(prefix), id=id, args=value[end:])


def _learn(prefix: bytes) -> NewJob:
    spec = _parse_prefix(prefix)
    if len(prefix) > _LARGEST_CACHED:
        return spec
    if len(_read) >= _MOST_CACHED:
        _read.clear()
    _read[prefix] = spec
    return spec


def _parse_prefix(prefix: bytes) -> NewJob:
    flags, at = prefix[3], 4
    if flags & _DAMAGED:
        raise ValueError("the bytes are kept in place of its arguments")
    lease_ms = key = None
    if flags & _HAS_LEASE:
        lease_ms, at = int.from_bytes(prefix[at : at + 8], "little", signed=True), at + 8
    if flags & _HAS_KEEP:
        at += 8
    line, at = take(prefix, at, 1)
    if flags & _HAS_KEY:
        held, at = take(prefix, at, 2)
        key = held.decode()
    options = _Options()
    if flags & _HAS_OPTIONS:
        packed, at = take(prefix, at, 4)
        options = _decode_options(packed)
    queue, priority, lane = split_line(line.decode())
    return NewJob(
        id="",
        task=prefix[at:].decode(),
        queue=queue,
        priority=priority,
        lane=lane,
        key=key,
        lease_ms=lease_ms,
        tags=options.tags,
        owner=options.owner,
        tenant=options.tenant,
        parent=options.parent,
        retry=options.retry,
        timeout_ms=options.timeout_ms,
        keep=options.keep,
        delay_ms=options.delay_ms,
        run_at=options.run_at,
        key_scope=_SCOPES[flags & (_KEY_WAITING | _KEY_PERIOD)],
        key_ms=options.key_ms,
        replace=options.replace,
        tick=options.tick,
        limits=options.limits,
        after=tuple(map(_unpack_edges, options.after)),
        callbacks=() if options.callbacks == _NOTHING else _decode_callbacks(_text_of(options.callbacks)),
        expires_ms=options.expires_ms,
        start_within_ms=options.start_within_ms,
        carrier=options.carrier,
    )


def _as_text(data: bytes) -> msgspec.Raw:
    """Bytes in the options are said to be text: the msgpack that Redis has for scripts knows no other."""
    return msgspec.Raw(_STR_32 + len(data).to_bytes(4, "big") + data)


def _text_of(raw: msgspec.Raw) -> bytes:
    return bytes(raw)[5:]


def _pack_edges(edges: After) -> _Edges:
    packed = pack_ids(edges.ids)
    ids = msgspec.Raw(_encode(edges.ids)) if packed is None else _as_text(packed)
    return _Edges(ids, edges.when, edges.into, edges.many)


def _unpack_edges(edges: _Edges) -> After:
    if bytes(memoryview(edges.ids)[:1]) == _STR_32:
        packed = _text_of(edges.ids)
        ids = tuple(packed[at : at + _ID_BYTES].hex() for at in range(0, len(packed), _ID_BYTES))
    else:
        ids = _decode_texts(edges.ids)
    return After(ids=ids, when=edges.when, into=edges.into, many=edges.many)


def take(data: bytes, at: int, width: int) -> tuple[bytes, int]:
    end = at + width + int.from_bytes(data[at : at + width], "little")
    if end > len(data):
        raise ValueError("a length in it points past its end")
    return data[at + width : end], end
