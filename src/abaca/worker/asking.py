"""What a child process asks of its job's log, packed for the link, and the runner's answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from abaca.errors import BackendError, CancelledByRequest, RunLost
from abaca.model import Kind, Value
from abaca.port import Keep, Look, Recall, Recalled
from abaca.text import error_text
from abaca.worker.journal import Journal
from abaca.worker.link import Answer, Ask

Send = Callable[[Answer], None]


class _Asked(Value, frozen=True, kw_only=True):
    """One request. Calls and pauses are the child's own business."""

    keep: bytes | None = None
    kind: Kind = Kind.STEP
    look: str | None = None
    steps: bool = True


class _Answered(Value, frozen=True, kw_only=True):
    recalled: Recalled | None = None
    data: bytes | None = None


_NOTHING = _Answered()
_encode = msgspec.msgpack.Encoder().encode
_asked = msgspec.msgpack.Decoder(_Asked).decode
_answered = msgspec.msgpack.Decoder(_Answered).decode
_working: set[asyncio.Task[None]] = set()


def pack_request(request: Keep | Look | Recall) -> bytes:
    match request:
        case Keep(data=data, kind=kind):
            return _encode(_Asked(keep=data, kind=kind))
        case Look(event=event):
            return _encode(_Asked(look=event))
        case Recall(steps=steps):
            return _encode(_Asked(steps=steps))


def unpack_answer(answer: Answer, job_id: str) -> Recalled | bytes | None:
    """What was asked for. Raises ``RunLost``, and ``BackendError`` for what the store refused."""
    if answer.lost:
        raise RunLost(f"job {job_id} is no longer this run's; nothing more of it is stored")
    if answer.fault is not None:
        raise BackendError(answer.fault)
    answered = _answered(answer.what)
    return answered.recalled if answered.recalled is not None else answered.data


def serve(journal: Journal, ask: Ask, send: Send) -> None:
    """Do what a child asks, and send the answer once it is there. What is to be stored is on its way at once."""
    asked = _asked(ask.what)
    if asked.keep is not None:
        journal.keep(asked.kind, asked.keep, lambda error: send(_answer(ask, error)))
        return
    task = asyncio.get_running_loop().create_task(_read(journal, ask, asked, send))
    _working.add(task)
    task.add_done_callback(_working.discard)


async def _read(journal: Journal, ask: Ask, asked: _Asked, send: Send) -> None:
    try:
        if asked.look is not None:
            found = _Answered(data=await journal.ask(Look(asked.look)))
        else:
            found = _Answered(recalled=await journal.ask(Recall(steps=asked.steps)))
    except (Exception, CancelledByRequest) as error:
        send(_answer(ask, error))
    else:
        send(_answer(ask, None, found))


def _answer(ask: Ask, error: BaseException | None, found: _Answered = _NOTHING) -> Answer:
    if error is None:
        return Answer(number=ask.number, what=_encode(found))
    if isinstance(error, CancelledByRequest):
        return Answer(number=ask.number, lost=True)
    return Answer(number=ask.number, fault=error_text(error))
