"""Single keys of a terminal, as they are pressed."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

_KEY = re.compile(rb"\x1b[\[O][A-Z]|.", re.DOTALL)
_NAMES = {b"\x1b[A": "up", b"\x1b[B": "down", b"\x1bOA": "up", b"\x1bOB": "down", b"k": "up", b"j": "down"}
_READ = 64


@contextmanager
def pressed() -> Iterator[asyncio.Queue[str]]:
    """The keys that are pressed while the block lasts; none where standard input is no terminal."""
    keys: asyncio.Queue[str] = asyncio.Queue()
    if not sys.stdin.isatty():
        yield keys
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    loop = asyncio.get_running_loop()

    def read() -> None:
        data = os.read(terminal, _READ) or b"q"  # a terminal that is gone
        for found in _KEY.finditer(data):
            key = found[0]
            keys.put_nowait(_NAMES[key] if key in _NAMES else key.decode("ascii", "replace"))

    tty.setcbreak(terminal)
    loop.add_reader(terminal, read)
    try:
        yield keys
    finally:
        loop.remove_reader(terminal)
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
