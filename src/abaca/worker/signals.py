"""Signals as a worker needs them, whatever its parent left behind."""

from __future__ import annotations

import signal
from types import FrameType

_NEEDED = (signal.SIGCHLD, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


def take_back_signals() -> None:
    """Give the signals by which a worker is stopped and learns of deaths their defaults, and let them in.

    A program inherits what its parent ignored or blocked. A script that starts a worker with ``&`` leaves SIGINT and
    SIGQUIT ignored; under a parent that ignores SIGCHLD the system keeps no exit status, and every crash looks like an
    exit with 0; a blocked SIGTERM never comes. Programs that handlers start would inherit it all once more.
    """
    for number in _NEEDED:
        signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _NEEDED)


def let_pass(number: int, frame: FrameType | None) -> None:
    """A handler for a signal that is meant for others. Unlike an ignored one, it is not inherited by programs."""
