"""What people see of the demo: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from abaca.cli.output import clean


class Screen(Protocol):
    def say(self, text: str) -> None:
        """One line that stays."""
        ...

    def bar(self, what: str, done: int, total: int) -> None:
        """How far ``what`` is."""
        ...


class PlainScreen:
    """A line for each tenth of the way."""

    def __init__(self) -> None:
        self._told: dict[str, int] = {}

    def say(self, text: str) -> None:
        print(clean(text), flush=True)

    def bar(self, what: str, done: int, total: int) -> None:
        tenth = done * 10 // total
        if tenth > self._told.get(what, 0):
            self._told[what] = tenth
            self.say(f"{what} {done:,} of {total:,}")


@contextmanager
def open_screen() -> Iterator[Screen]:
    if not sys.stdout.isatty():
        yield PlainScreen()
        return
    from abaca.cli.demo.live import live_screen

    with live_screen() as screen:
        yield screen
