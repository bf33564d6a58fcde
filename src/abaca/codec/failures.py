"""What is kept of an exception: text only, bounded, whatever the exception does when it is looked at."""

from __future__ import annotations

import traceback
from types import TracebackType

from abaca.model import ErrorInfo

MAX_MESSAGE = 2_000
MAX_TRACEBACK = 16_000
_OWN = "abaca."


def describe_error(
    exc: BaseException, *, max_message: int = MAX_MESSAGE, max_traceback: int = MAX_TRACEBACK
) -> ErrorInfo:
    """The exception's type, message and traceback as text, and the qualified names of its MRO. Limits are characters.

    Leading frames of Abaca itself are left out. The exception and its frames are untouched.
    """
    kinds = tuple(_qualified(base) for base in type(exc).__mro__ if base is not object)
    return ErrorInfo(
        type=kinds[0],
        message=_clip(_clean(_message(exc)), max_message),
        traceback=_clip(_clean(_traceback(exc)), max_traceback),
        kinds=kinds,
    )


def _qualified(cls: type) -> str:
    return _clean(f"{cls.__module__}.{cls.__qualname__}")


def _message(exc: BaseException) -> str:
    try:
        return str(exc)
    except BaseException as error:
        return f"<its text cannot be made: {type(error).__name__}>"


def _traceback(exc: BaseException) -> str:
    try:
        lines = traceback.TracebackException(type(exc), exc, _users(exc.__traceback__), compact=True).format()
        return "".join(lines)
    except BaseException as error:
        return f"<its traceback cannot be made: {type(error).__name__}>"


def _users(tb: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that is not Abaca's."""
    while tb is not None and str(tb.tb_frame.f_globals.get("__name__", "")).startswith(_OWN):
        tb = tb.tb_next
    return tb


def _clean(text: str) -> str:
    """Plain text that every store takes: lone surrogates written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _clip(text: str, limit: int) -> str:
    """The beginning and, because the last lines say most, more of the end."""
    if len(text) <= limit:
        return text
    head = limit // 4
    mark = f"\n... {len(text) - limit:,} characters left out ...\n"
    return text[:head] + mark + text[len(text) - (limit - head) :]
