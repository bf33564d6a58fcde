"""Runs a script as the interpreter runs its main file."""

from __future__ import annotations

import runpy
import sys
import threading
import traceback
from collections.abc import Sequence

OURS = ("runpy", "abaca_sandbox")


def run_script(argv: Sequence[str]) -> int:
    """The exit status of the script `argv[0]`. Its output is flushed and its threads have ended."""
    sys.argv = list(argv)
    sys.path.insert(0, "/work")
    seed_anew()
    try:
        runpy.run_path(argv[0], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = status_of(end)
    except BaseException as error:
        print_error(error)
        code = 1
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 1
    return code


def status_of(end: SystemExit) -> int:
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code & 0xFF
    sys.stderr.write(f"{end.code}\n")
    return 1


def print_error(error: BaseException) -> None:
    """The traceback, from the script's own first line on."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__", "").startswith(OURS):
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)


def seed_anew() -> None:
    """numpy's own generator would give every script the same numbers; Python's seeds itself in a fork."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
