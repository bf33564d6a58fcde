"""The jobs that follow when a job ends, written in the same transition as its outcome. Pure: no clock, no store."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

import msgspec

from abaca.model import Callback, ErrorInfo, Job, JobEnd, NewJob, State, Status, When

MOST_RESULT = 64_000
"""A result of more bytes of JSON is not copied into what follows."""

Plain = Callable[[bytes], bytes | None]
"""The JSON text of a stored result, ``None`` where it cannot be had here."""

_encode = msgspec.json.Encoder().encode
_WHEN = {State.COMPLETED: When.COMPLETED, State.FAILED: When.FAILED}
_STATUS = {State.COMPLETED: Status.COMPLETED, State.FAILED: Status.FAILED}


def follow_ups(
    job: Job, state: State, attempts: int, *, result: bytes | None, error: ErrorInfo | None, plain: Plain
) -> tuple[NewJob, ...]:
    """What is to be inserted when ``job`` ends in ``state``; nothing for an end that is neither of the two."""
    when = _WHEN.get(state)
    wanted = [(place, callback) for place, callback in enumerate(job.spec.callbacks) if callback.when is when]
    if not wanted:
        return ()
    end = _encode(_end(job, state, attempts, None if result is None else plain(result), result is not None, error))
    return tuple(_follow_up(job, place, callback, end) for place, callback in wanted)


def follow_up_id(job: str, epoch: int, place: int) -> str:
    """The id of what follows one run: whoever settles it makes the same. A UUIDv7 (RFC 9562) of the job's own
    millisecond whose random part is a digest."""
    digest = blake2b(f"{job}\0{epoch}\0{place}".encode(), digest_size=9).hexdigest()
    return f"{job[:12]}7{digest[:3]}8{digest[3:16]}00"


def _end(
    job: Job, state: State, attempts: int, text: bytes | None, has_result: bool, error: ErrorInfo | None
) -> JobEnd[msgspec.Raw]:
    spec = job.spec
    is_copied = text is not None and len(text) <= MOST_RESULT
    return JobEnd(
        job_id=spec.id,
        task=spec.task,
        status=_STATUS[state],
        attempts=attempts,
        queue=spec.queue,
        result=msgspec.Raw(text) if is_copied and text is not None else None,
        result_left_out=has_result and not is_copied,
        error=error,
        tags=spec.tags,
        owner=spec.owner,
        tenant=spec.tenant,
    )


def _follow_up(job: Job, place: int, callback: Callback, end: bytes) -> NewJob:
    """Who owns the job owns what follows it, and the tenant's turn is the same; so is the trace."""
    new, spec = callback.job, job.spec
    return msgspec.structs.replace(
        new,
        id=follow_up_id(spec.id, job.epoch, place),
        args=_with_end(new.args, callback.into, end),
        queue=new.queue or spec.queue,
        parent=new.parent or f"job:{spec.id}",
        owner=new.owner or spec.owner,
        tenant=new.tenant or spec.tenant,
        carrier=new.carrier or spec.carrier,
    )


def _with_end(args: bytes, into: str, end: bytes) -> bytes:
    """The stored arguments with one more. They are a JSON object, whose last byte closes it."""
    if not into:
        return args
    comma = b"" if args == b"{}" else b","
    return b"%s%s%s:%s}" % (args[:-1], comma, _encode(into), end)
