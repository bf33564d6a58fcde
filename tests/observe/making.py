"""A store, recorders and clocks that a test moves by hand."""

from __future__ import annotations

import contextlib

from abaca.backend import Backend
from abaca.backends.memory import MemoryBackend
from abaca.clock import ManualClock
from abaca.errors import BackendUnavailable
from abaca.measures import Measures
from abaca.testing.failing import FailingBackend
from abaca.worker.folder import Folder
from abaca.worker.recorder import Recorder

MINUTE = 30_000_000
"""The minute in which a test begins, counted from 1970."""


class Ground:
    """One store that can be lost, with one clock for it and for all that runs on it; it moves in seconds."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = FailingBackend(MemoryBackend(self.clock))
        self.seconds = MINUTE * 60.0

    @property
    def backend(self) -> Backend:
        return self.store

    def pass_time(self, seconds: float) -> None:
        self.seconds += seconds
        self.clock.advance(seconds)

    def now(self) -> float:
        return self.seconds

    async def lose_no_more(self) -> None:
        """Use up the losses that a test has asked for."""
        while self.store.pending:
            with contextlib.suppress(BackendUnavailable):
                await self.store.put([])

    def recorder(self, measures: Measures, worker: str = "worker") -> Recorder:
        return Recorder(
            self.backend, worker, measures.copy, interval=5.0, wall=lambda: self.seconds, monotonic=lambda: self.seconds
        )

    def folder(self) -> Folder:
        return Folder(self.backend, monotonic=lambda: self.seconds)


def count(measures: Measures, completed: int = 1, *, queue: str = "default", task: str = "render") -> None:
    cell = measures.cell(queue, task)
    cell.waits[3] += completed
    cell.runs[4] += completed
    cell.completed += completed
