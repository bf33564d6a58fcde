"""The ``abaca`` command."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from abaca import __version__
from abaca.cli.front import front_page, is_asked_for
from abaca.cli.status import EXIT_INTERRUPTED, EXIT_OK

__all__ = ["main"]


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
