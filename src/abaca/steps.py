"""Durable steps, as handlers call them: what a run has done is stored, and no later run of the job does it again.

Each act is written once, as a generator of requests to a ``Port``; ``drive`` and ``drive_sync`` perform them. A step is
an entry of kind ``step`` in the job's log, which is never trimmed; the latest entry of a name counts.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import msgspec

from abaca.codec import ResultCodec, describe_error
from abaca.durations import Duration, parse_duration
from abaca.errors import (
    ConfigError,
    DuplicateStep,
    EventTimeout,
    PayloadTooLarge,
    ResultError,
    Signal,
    Suspended,
)
from abaca.model import Kind, RetryRule, Value
from abaca.policy.retry import backoff_seconds, retries
from abaca.port import Call, Keep, Look, Pause, Port, Recall, Recalled, Request
from abaca.returns import declared_result
from abaca.text import shown

T = TypeVar("T")

StepName = str | tuple[str, int]
"""The name of a step, or a name and an index, for a step in a loop."""
MAX_NAME = 200
LONGEST_PAUSE = 60.0
"""Seconds. A failed step is tried again inside the run, which holds its slot meanwhile."""
FIRST_LOOK_MS, LAST_LOOK_MS = 5_000, 600_000
"""How often a job that waits for an event looks by itself: seldomer the longer it has waited."""

Flow = Generator[Request, Any, T]


class Entry(Value, frozen=True, kw_only=True):
    """A step as it is stored. ``what`` is ``step``, ``sleep``, ``wait``, ``event`` or ``timeout``; the last three are
    of one event."""

    name: str
    what: str
    value: msgspec.Raw = msgspec.Raw(b"null")
    ms: int = 0


class _Known(Value, frozen=True, kw_only=True):
    """An entry, and when it was stored by the store's clock."""

    entry: Entry
    at: int


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Entry).decode
_FAMILY = {"wait": "event", "timeout": "event"}


class Steps:
    """The steps of one run. Threads may use it at the same time, each for steps of its own."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self._known: dict[tuple[str, str], _Known] | None = {} if port.epoch == 1 else None
        self._taken: set[tuple[str, str]] = set()
        self._sleeps = 0

    def step(
        self, name: StepName, rule: RetryRule | None, fn: Callable[..., Any], args: Any, kwargs: dict[str, Any]
    ) -> Flow[Any]:
        """Call ``fn`` unless an earlier run has its result already; answers that result as it was stored."""
        text = step_text(name)
        key = self._take("step", text)
        try:
            codec = self._codec(declared_result(fn), f"step {text!r}", "result")
            recalled = yield from self._recall()
            if key in recalled:
                return codec.decode(bytes(recalled[key].entry.value))
            value, interruption = yield from _tried(Call(fn, args, kwargs), rule)
            data = final(lambda: codec.encode_text(value))
            entry = Entry(name=text, what="step", value=msgspec.Raw(data))
            yield Keep(_encode(entry), Kind.STEP, waits=interruption is None)
            recalled[key] = _Known(entry=entry, at=self.port.now())
            if interruption is not None:
                raise interruption
            return codec.decode(data)
        except BaseException:
            self._taken.discard(key)  # it may be tried again in this run
            raise

    def sleep(self, duration: Duration, name: str | None) -> Flow[None]:
        """Return once the time is over, in whichever run that is."""
        ms = parse_duration(duration, "ctx.sleep()")
        if name is None:
            self._sleeps += 1
            name = f"sleep {self._sleeps}"
        key = self._take("sleep", step_text(name))
        known = (yield from self._recall()).get(key)
        if known is None and ms:
            yield Keep(_encode(Entry(name=name, what="sleep", ms=ms)), Kind.STEP)
            raise Suspended(ms)
        if known is not None:
            left = known.entry.ms - (self.port.now() - known.at) // 1000
            if left > 0:
                raise Suspended(left)

    def wait_event(self, name: str, timeout: Duration | None, type: Any) -> Flow[Any]:
        """The event's value, once it was sent. Raises ``EventTimeout``."""
        timeout_ms = None if timeout is None else parse_duration(timeout, "ctx.wait_event(timeout=)")
        key = self._take("event", step_text(name))
        codec = self._codec(type, f"event {name!r}", "value")
        known = (yield from self._recall()).get(key)
        if known is not None and known.entry.what == "event":
            return codec.decode(bytes(known.entry.value))
        if known is not None and known.entry.what == "timeout":
            raise self._timed_out(name)
        data = yield Look(name)
        if data is not None:
            yield Keep(_encode(Entry(name=name, what="event", value=msgspec.Raw(data))), Kind.STEP)
            return codec.decode(data)
        if known is None:
            yield Keep(_encode(Entry(name=name, what="wait")), Kind.STEP)
        waited = 0 if known is None else max(0, self.port.now() - known.at) // 1000
        if timeout_ms is not None and waited >= timeout_ms:
            yield Keep(_encode(Entry(name=name, what="timeout")), Kind.STEP)
            raise self._timed_out(name)
        look = min(max(waited // 2, FIRST_LOOK_MS), LAST_LOOK_MS)
        raise Suspended(look if timeout_ms is None else min(look, timeout_ms - waited), (name,))

    def _timed_out(self, name: str) -> EventTimeout:
        id = self.port.job_id
        return EventTimeout(id, f"job {id}: the event {name!r} did not come in time; a later run will not wait again")

    def _take(self, family: str, name: str) -> tuple[str, str]:
        key = (family, name)
        if key in self._taken:
            raise DuplicateStep(
                f"job {self.port.job_id}: {family} {name!r} was there already in this run, so no later run could tell "
                f"the two apart; give each a name of its own, or an index as in ({name!r}, 1)"
            )
        self._taken.add(key)
        return key

    def _recall(self) -> Flow[dict[tuple[str, str], _Known]]:
        if self._known is None:
            recalled: Recalled = yield Recall()
            known = {}
            for data, at in recalled.entries:
                entry = _decode(data)
                known[_FAMILY.get(entry.what, entry.what), entry.name] = _Known(entry=entry, at=at)
            self._known = known
        return self._known

    def _codec(self, type: Any, what: str, noun: str) -> ResultCodec[Any]:
        try:
            return ResultCodec(
                Any if type is object else type,
                what=f"job {self.port.job_id}, {what}",
                limit=self.port.limit,
                noun=noun,
            )
        except TypeError as error:
            raise ResultError(f"job {self.port.job_id}, {what}: its {noun} can have no JSON form: {error}") from error


def step_text(name: StepName) -> str:
    """A step's name as it is stored. Raises ``ConfigError`` for one that cannot be used."""
    given: object = name
    match given:
        case str():
            text = given
        case (str() as text, int() as index):
            text = f"{text}[{index}]"
        case _:
            text = ""
    try:
        usable = 0 < len(text.encode()) <= MAX_NAME
    except UnicodeEncodeError:
        usable = False
    if not usable:
        raise ConfigError(
            f"step name: {shown(name)} is not usable; give text of 1 to {MAX_NAME} bytes, or (text, index)"
        )
    return text


def _tried(call: Call, rule: RetryRule | None) -> Flow[tuple[Any, BaseException | None]]:
    """What the call answers, after as many attempts as the rule allows, and what came to end the run meanwhile."""
    attempt = 0
    while True:
        attempt += 1
        try:
            answer: tuple[Any, BaseException | None] = yield call
            return answer
        except Signal:
            raise
        except Exception as error:
            if rule is None or attempt >= rule.max_attempts or not retries(rule, describe_error(error)):
                raise
            pause = min(max(0.0, backoff_seconds(rule.backoff, attempt, random.random)), LONGEST_PAUSE)
        yield Pause(pause)


def final(encode: Callable[[], bytes]) -> bytes:
    """The effect is there already: a retry of the job would only repeat it."""
    try:
        return encode()
    except (ResultError, PayloadTooLarge) as error:
        error.final = True
        raise


async def drive(port: Port, flow: Flow[T]) -> T:
    """Perform what a flow asks for, in a coroutine."""
    try:
        request = next(flow)
        while True:
            try:
                answer = await port.ask(request)
            except BaseException as error:
                request = flow.throw(error)
            else:
                request = flow.send(answer)
    except StopIteration as over:
        value: T = over.value
        return value


def drive_sync(port: Port, flow: Flow[T]) -> T:
    """Perform what a flow asks for, in a thread that may wait."""
    try:
        request = next(flow)
        while True:
            try:
                answer = port.ask_sync(request)
            except BaseException as error:
                request = flow.throw(error)
            else:
                request = flow.send(answer)
    except StopIteration as over:
        value: T = over.value
        return value
