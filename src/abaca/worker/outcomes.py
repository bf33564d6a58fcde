"""From what a handler did to an outcome: the one code path, for every pool."""

from __future__ import annotations

import asyncio
from typing import Any

from abaca.codec import describe_error
from abaca.durations import parse_duration
from abaca.errors import Abort, CancelledByRequest, ConfigError, PayloadTooLarge, ResultError, Snooze, Suspended
from abaca.model import ErrorInfo
from abaca.policy.outcome import Aborted, Outcome, Raised, Returned, Snoozed


def returned(task: Any, value: object) -> Outcome:
    """The value as a result, or the reason why it cannot be one: then the job fails, not the worker."""
    try:
        return Returned(result=task.results.encode(value))
    except (ResultError, PayloadTooLarge) as error:
        return Aborted(error=describe_error(error))


def only(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The one argument of a batch task's job."""
    return args[0] if args else next(iter(kwargs.values()))


def of_each(task: Any, value: object, count: int) -> list[Outcome]:
    """What each of ``count`` jobs gets of a batch handler's answer: its element, or ``None`` for all.

    An exception in the list is the failure of its job. An answer of another shape fails all.
    """
    if value is None:
        return [returned(task, None)] * count
    if not isinstance(value, list | tuple) or len(value) != count:
        shape = (
            f"{len(value)} elements" if isinstance(value, list | tuple) else f"a value of type {type(value).__name__}"
        )
        fault = ResultError(
            f"task {task.name!r}: the batch handler was given {count} values and returned {shape}; it must return a "
            "list with one element for each, in their order, or None; its jobs fail and are not retried"
        )
        return [Aborted(error=describe_error(fault))] * count
    return [_of_one(task, one) for one in value]


def _of_one(task: Any, one: object) -> Outcome:
    if not isinstance(one, BaseException):
        return returned(task, one)
    return raised(one, None, was_stopped=False) or Raised(error=describe_error(one))


def raised(error: BaseException, stopped: Outcome | None, *, was_stopped: bool) -> Outcome | None:
    """What an exception from a handler means. ``stopped`` is what an early end of this run means."""
    if was_stopped and isinstance(error, asyncio.CancelledError | CancelledByRequest):
        return stopped
    if isinstance(error, Snooze):
        return _snoozed(error)
    if isinstance(error, Suspended | BaseExceptionGroup) and (suspended := _suspensions(error)):
        waits = tuple(dict.fromkeys(name for one in suspended for name in one.waits))
        return Snoozed(delay_ms=min(one.delay_ms for one in suspended), waits=waits)
    if isinstance(error, Abort) or (isinstance(error, ResultError | PayloadTooLarge) and error.final):
        return Aborted(error=describe_error(error))
    return Raised(error=describe_error(error))


def _suspensions(error: BaseException) -> list[Suspended]:
    """Those that an exception is, or that a group consists of; none where anything else is in it."""
    found: list[Suspended] = []
    left = [error]
    while left:  # a group may be nested deeper than calls may be
        one = left.pop()
        if isinstance(one, BaseExceptionGroup):
            left += reversed(one.exceptions)
        elif isinstance(one, Suspended):
            found.append(one)
        else:
            return []
    return found


def _snoozed(snooze: Snooze) -> Outcome:
    try:
        return Snoozed(delay_ms=parse_duration(snooze.delay, "Snooze"))
    except ConfigError as error:
        return Aborted(error=describe_error(error))


def undecodable(error: Exception) -> Outcome:
    """The stored arguments do not fit the handler: retrying cannot help."""
    described: ErrorInfo = describe_error(error)
    return Aborted(error=described)
