"""Bound arguments to bytes, and which argument is to blame when they cannot be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from abaca.codec.exact import loss
from abaca.codec.payload import encode_json, holds_non_finite, pack
from abaca.errors import ArgumentError, PayloadTooLarge
from abaca.text import error_text

NOT_ENQUEUED = "; nothing was enqueued"
_PATH = re.compile(r"\$\.(\w+)")


class ArgumentWriter:
    """Writes the arguments of one task. ``decode`` is what the worker will do with the bytes.

    ``doubtful`` are the arguments whose type can take a value in and give back another.
    """

    __slots__ = ("_doubtful", "_limit", "_task", "decode")

    def __init__(self, task: str, decode: Callable[[bytes], Any], limit: int, doubtful: Iterable[str]) -> None:
        self.decode = decode
        self._doubtful = tuple(doubtful)
        self._task = task
        self._limit = limit

    def write(self, bound: dict[str, Any]) -> bytes:
        """Raises ``ArgumentError`` or ``PayloadTooLarge``, naming the task and the argument."""
        try:
            data = encode_json(bound)
            if b"null" in data and holds_non_finite(bound):
                raise self._non_finite(bound)
            back = self.decode(data)  # a value of another type is found here, not by the worker
            for name in self._doubtful:
                if name in bound and (fault := loss(bound[name], getattr(back, name))) is not None:
                    raise self._inexact(name, fault)
        except ArgumentError:
            raise
        except Exception as error:
            raise self._refusal(bound, error) from error
        if len(data) > self._limit:
            raise self._too_large(bound, len(data))
        return pack(data)

    def _refusal(self, bound: dict[str, Any], error: Exception) -> ArgumentError:
        where = place(self._task, error)
        if not isinstance(error, msgspec.ValidationError):
            for name, value in bound.items():
                try:
                    encode_json(value)
                except Exception:
                    where = f"task {self._task!r}, argument {name!r}"
                    break
        return ArgumentError(f"{where}: {reason(error)}{NOT_ENQUEUED}")

    def _non_finite(self, bound: dict[str, Any]) -> ArgumentError:
        name = next(name for name, value in bound.items() if holds_non_finite(value))
        fault = "it holds NaN or an infinity, which JSON cannot carry"
        return ArgumentError(f"task {self._task!r}, argument {name!r}: {fault}{NOT_ENQUEUED}")

    def _inexact(self, name: str, fault: str) -> ArgumentError:
        return ArgumentError(
            f"task {self._task!r}, argument {name!r}: it would not arrive as it is: {fault}{NOT_ENQUEUED}"
        )

    def _too_large(self, bound: dict[str, Any], size: int) -> PayloadTooLarge:
        name = max(bound, key=lambda name: len(encode_json(bound[name])))
        return PayloadTooLarge(
            f"task {self._task!r}: its arguments take {size:,} bytes as JSON and the limit is {self._limit:,}; "
            f"the largest is {name!r}{NOT_ENQUEUED}; pass a reference to large data, or raise max_payload"
        )


def place(task: str, error: Exception) -> str:
    """The task, and the argument that the error's path begins with."""
    found = _PATH.search(str(error)) if isinstance(error, msgspec.ValidationError) else None
    return f"task {task!r}, argument {found[1]!r}" if found else f"task {task!r}"


def reason(error: Exception) -> str:
    text = error_text(error)
    return text.partition(" - at `$.")[0] if isinstance(error, msgspec.ValidationError) else text
