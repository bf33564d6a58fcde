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
    if isinstance(error, Suspended):
        return [error]
    if not isinstance(error, BaseExceptionGroup):
        return []
    parts = [_suspensions(part) for part in error.exceptions]
    return [one for part in parts for one in part] if all(parts) else []


def _snoozed(snooze: Snooze) -> Outcome:
    try:
        return Snoozed(delay_ms=parse_duration(snooze.delay, "Snooze"))
    except ConfigError as error:
        return Aborted(error=describe_error(error))


def undecodable(error: Exception) -> Outcome:
    """The stored arguments do not fit the handler: retrying cannot help."""
    described: ErrorInfo = describe_error(error)
    return Aborted(error=described)
