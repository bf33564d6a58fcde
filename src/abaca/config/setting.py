"""One setting: its name, from which every source is spelt, how it is read, and what it means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from abaca.config.values import (
    HIDDEN,
    read_choice,
    read_count,
    read_duration,
    read_flag,
    read_seconds,
    read_size,
    read_text,
    show,
)

Read = Callable[[Any, str], Any]


@dataclass(frozen=True, slots=True)
class Setting:
    """``compile.slots`` is the key ``slots`` of the table ``[compile]`` and the variable ``ABACA_COMPILE_SLOTS``,
    or one of those in ``also``.

    ``read(raw, what)`` answers the value or raises ``ConfigError`` naming ``what``. ``show`` hides what is secret.
    """

    name: str
    read: Read
    default: Any
    about: str
    show: Callable[[Any], str] = show
    also: tuple[str, ...] = ()

    @property
    def variable(self) -> str:
        return "ABACA_" + self.name.upper().replace(".", "_")

    @property
    def variables(self) -> tuple[str, ...]:
        return self.variable, *self.also

    @classmethod
    def count(cls, name: str, default: int, about: str) -> Setting:
        """A whole number from 1."""
        return cls(name, read_count, default, about)

    @classmethod
    def size(cls, name: str, default: int, about: str) -> Setting:
        """Bytes; also as text, ``512MiB``."""
        return cls(name, read_size, default, about)

    @classmethod
    def duration(cls, name: str, default: float, about: str) -> Setting:
        """Seconds, 0 or more; also as text, ``50ms``."""
        return cls(name, read_duration, default, about)

    @classmethod
    def seconds(cls, name: str, default: float, about: str) -> Setting:
        """Seconds, more than none."""
        return cls(name, read_seconds, default, about)

    @classmethod
    def flag(cls, name: str, default: bool, about: str) -> Setting:
        """``true`` or ``false``; ``1`` and ``0``, ``on`` and ``off``, ``yes`` and ``no`` mean the same."""
        return cls(name, read_flag, default, about)

    @classmethod
    def text(cls, name: str, default: str, about: str, *, secret: bool = False, also: tuple[str, ...] = ()) -> Setting:
        """Any text on one line. A secret one is shown as ``***``."""
        return cls(name, read_text, default, about, _hidden if secret else show, also)

    @classmethod
    def choice(cls, name: str, choices: tuple[str, ...], default: str, about: str) -> Setting:
        return cls(name, read_choice(choices), default, about)


def _hidden(value: Any) -> str:
    return HIDDEN if value else show(value)
