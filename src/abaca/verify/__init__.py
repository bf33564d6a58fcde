"""Proof by history: what a run of clients and workers did, written down by each process, and judged afterwards."""

from abaca.verify.checker import Dump, Findings, Options, Violation, check
from abaca.verify.history import Event, HistoryWriter, Item, Src, Type, read_history
from abaca.verify.prints import print_of, print_of_stored

__all__ = [
    "Dump",
    "Event",
    "Findings",
    "HistoryWriter",
    "Item",
    "Options",
    "Src",
    "Type",
    "Violation",
    "check",
    "print_of",
    "print_of_stored",
    "read_history",
]
