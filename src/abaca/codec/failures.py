"""What is kept of an exception: text only, bounded, whatever the exception does when it is looked at."""

from __future__ import annotations

import traceback
from types import TracebackType

from abaca.model import ErrorInfo
from abaca.text import class_name, clip, error_text, plain_text

MAX_MESSAGE = 2_000
MAX_TRACEBACK = 16_000
MAX_FRAMES = 300
"""How many frames of a traceback are looked at, the last ones: a runaway recursion has a million."""
MAX_RELATED = 500
"""How many causes, contexts and members of groups are formatted; of an exception with more only its own are."""
_OWN = "abaca."


def describe_error(
    exc: BaseException, *, max_message: int = MAX_MESSAGE, max_traceback: int = MAX_TRACEBACK
) -> ErrorInfo:
    """The exception's type, message and traceback as text, and the qualified names of its MRO. Limits are characters.

    Leading frames of Abaca itself are left out. The exception and its frames are untouched.
    """
    kinds = _kinds(type(exc))
    return ErrorInfo(
        type=kinds[0],
        message=plain_text(clip(error_text(exc), max_message)),
        traceback=plain_text(clip(_traceback(exc), max_traceback)),
        kinds=kinds,
    )


def _kinds(cls: type) -> tuple[str, ...]:
    try:
        return tuple(class_name(base) for base in cls.__mro__ if base is not object)
    except BaseException:  # its metaclass may do anything
        return (class_name(cls),)


def _traceback(exc: BaseException) -> str:
    try:
        frames, left_out = _last(_users(exc.__traceback__))
        mark = f"... {left_out:,} earlier frames left out ...\n" if left_out else ""
        if _has_many_related(exc):
            own = "".join(traceback.format_tb(frames))
            return (
                f"{mark}{own}{class_name(type(exc))}: {error_text(exc)}\n... its many causes or members left out ...\n"
            )
        lines = traceback.TracebackException(type(exc), exc, frames, limit=-MAX_FRAMES, compact=True).format()
        return mark + "".join(lines)
    except BaseException as error:
        return f"<its traceback cannot be made: {type(error).__name__}>"


def _users(tb: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that is not Abaca's."""
    while tb is not None and str(tb.tb_frame.f_globals.get("__name__", "")).startswith(_OWN):
        tb = tb.tb_next
    return tb


def _last(tb: TracebackType | None) -> tuple[TracebackType | None, int]:
    """The part of a traceback that is looked at, and how many frames are before it."""
    length, rest = 0, tb
    while rest is not None:
        length, rest = length + 1, rest.tb_next
    left_out = max(0, length - MAX_FRAMES)
    for _ in range(left_out):
        assert tb is not None
        tb = tb.tb_next
    return tb, left_out


def _has_many_related(exc: BaseException) -> bool:
    seen: set[int] = set()
    pending: list[BaseException | None] = [exc]
    while pending:
        one = pending.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if len(seen) > MAX_RELATED:
            return True
        pending += (one.__cause__, one.__context__)
        if isinstance(one, BaseExceptionGroup):
            pending += one.exceptions[: MAX_RELATED + 1]
    return False
