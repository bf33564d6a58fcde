"""Text from anywhere made fit to be shown and stored: bounded, plain, and without characters that steer a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

SHOWN = 80
MAX_CLASS_NAME = 300
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line and paragraph separators, marks that turn the direction of text, lone surrogates."""
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def escape(text: str) -> str:
    """The text on one line: what steers a terminal, breaks a line or turns its direction becomes a visible escape."""
    return _UNSEEN.sub(_escaped, text)


def plain_text(text: str) -> str:
    """Text that every store takes: lone surrogates become visible escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def clip(text: str, limit: int) -> str:
    """The beginning and, because the last lines say most, more of the end."""
    if len(text) <= limit:
        return text
    head = limit // 4
    mark = f"\n... {len(text) - limit:,} characters left out ...\n"
    return text[:head] + mark + text[len(text) - (limit - head) :]


def near_names(name: str, known: Iterable[str], most: int = 3) -> tuple[str, ...]:
    """Known names that look like this one, the nearest first."""
    import difflib  # noqa: PLC0415 - only a mistake pays for it

    return tuple(difflib.get_close_matches(name, set(known), n=most))


def did_you_mean(near: Sequence[str]) -> str:
    """The end of an error's sentence; empty where nothing is near."""
    return f"; did you mean {near[0]!r}?" if near else ""


def safe_repr(value: object, limit: int = 2_000) -> str:
    """The ``repr`` of any value as bounded plain text, also where its ``__repr__`` raises."""
    try:
        return plain_text(clip("".join((repr(value),)), limit))
    except BaseException as error:
        return f"<a value of type {class_name(type(value))} whose repr raises {class_name(type(error))}>"


def shown(value: object) -> str:
    """A value as an error message shows it: short, on one line."""
    text = escape(safe_repr(value, limit=1_000_000))
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text):,} characters)"


def error_text(exc: BaseException) -> str:
    """``str`` of any exception, also of one whose ``__str__`` raises."""
    try:
        return "".join((str(exc),))  # plain text, also where __str__ answers a subclass of str
    except BaseException as error:
        return f"<its text cannot be made: {class_name(type(error))}>"


def class_name(cls: type) -> str:
    """Module and qualified name, where the class has them as text."""
    try:
        return plain_text(f"{cls.__module__}.{cls.__qualname__}"[:MAX_CLASS_NAME])
    except BaseException:  # a class may keep anything under __module__, a metaclass may do anything
        return plain_text(type.__dict__["__qualname__"].__get__(cls)[:MAX_CLASS_NAME])


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
