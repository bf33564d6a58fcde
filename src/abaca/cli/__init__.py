"""The ``abaca`` command, and what the commands of plugins are made with.

Names are loaded when they are first used: the command line starts without most of them.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from abaca import __version__
from abaca.cli.front import front_page, is_asked_for
from abaca.cli.status import EXIT_CANCELLED, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_TIMEOUT, EXIT_USAGE

if TYPE_CHECKING:
    from abaca.cli.output import clean, note, print_json, print_pairs, print_table, say
    from abaca.cli.served import while_served
    from abaca.cli.session import Given, Session

_HOMES = {
    "Given": "abaca.cli.session",
    "Session": "abaca.cli.session",
    "clean": "abaca.cli.output",
    "note": "abaca.cli.output",
    "print_json": "abaca.cli.output",
    "print_pairs": "abaca.cli.output",
    "print_table": "abaca.cli.output",
    "say": "abaca.cli.output",
    "while_served": "abaca.cli.served",
}

__all__ = [
    "EXIT_CANCELLED",
    "EXIT_FAILED",
    "EXIT_OK",
    "EXIT_TIMEOUT",
    "EXIT_USAGE",
    "Given",
    "Session",
    "clean",
    "main",
    "note",
    "print_json",
    "print_pairs",
    "print_table",
    "say",
    "while_served",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def main(words: Sequence[str] | None = None) -> NoReturn:
    """Run a command line (default: this process's) and exit with its status."""
    _write_what_the_terminal_lacks_as_escapes()
    try:
        status = _run(sys.argv[1:] if words is None else words)
        sys.stdout.flush()
    except BrokenPipeError:
        _leave_the_pipe()
        status = EXIT_OK
    except KeyboardInterrupt:
        status = EXIT_INTERRUPTED
    sys.exit(status)


def _run(words: Sequence[str]) -> int:
    """The parser is loaded where there is something to parse."""
    if is_asked_for(words):
        sys.stdout.write(front_page())
        return EXIT_OK
    if list(words) == ["--version"]:
        print(__version__)
        return EXIT_OK
    from abaca.cli.entry import run

    return run(words)


def _write_what_the_terminal_lacks_as_escapes() -> None:
    """A name in a script that the locale does not know is no reason to end with a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _leave_the_pipe() -> None:
    """The reader has what it wanted (``| head``). Nothing more may be written, not even by the interpreter's exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
