"""The ``abaca`` command, and what the commands of plugins are made with.

Names are loaded when they are first used: the command line starts without most of them.
"""

import importlib
from typing import TYPE_CHECKING, Any

from abaca.cli.entry import main

if TYPE_CHECKING:
    from abaca.cli.output import note, print_json, print_pairs, print_table, say
    from abaca.cli.session import Given, Session
    from abaca.cli.status import EXIT_CANCELLED, EXIT_FAILED, EXIT_OK, EXIT_TIMEOUT, EXIT_USAGE

_HOMES = {
    "EXIT_CANCELLED": "abaca.cli.status",
    "EXIT_FAILED": "abaca.cli.status",
    "EXIT_OK": "abaca.cli.status",
    "EXIT_TIMEOUT": "abaca.cli.status",
    "EXIT_USAGE": "abaca.cli.status",
    "Given": "abaca.cli.session",
    "Session": "abaca.cli.session",
    "note": "abaca.cli.output",
    "print_json": "abaca.cli.output",
    "print_pairs": "abaca.cli.output",
    "print_table": "abaca.cli.output",
    "say": "abaca.cli.output",
}

__all__ = [
    "EXIT_CANCELLED",
    "EXIT_FAILED",
    "EXIT_OK",
    "EXIT_TIMEOUT",
    "EXIT_USAGE",
    "Given",
    "Session",
    "main",
    "note",
    "print_json",
    "print_pairs",
    "print_table",
    "say",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
