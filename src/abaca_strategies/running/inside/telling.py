"""What is said while the work goes on: lines of JSON on a pipe."""

from __future__ import annotations

import os
import time

import msgspec

from abaca_strategies.running.work import Line, PointResult, Progress

PAUSE = 0.1
"""Seconds between two reports of one stage."""
MAX_REPORTS = 10_000
MAX_MESSAGE = 200


class Teller:
    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._stage = ""
        self._next = 0.0
        self._said = 0
        self._encode = msgspec.json.Encoder().encode

    def progress(self, stage: str, done: int = 0, total: int = 0, message: str = "") -> None:
        """Thinned: a new stage is always told, within a stage there is a pause."""
        now = time.monotonic()
        if (stage == self._stage and now < self._next) or self._said >= MAX_REPORTS:
            return
        self._stage, self._next, self._said = stage, now + PAUSE, self._said + 1
        self._write(Line(progress=Progress(stage, done, total, message[:MAX_MESSAGE])))

    def point(self, result: PointResult) -> None:
        self._write(Line(point=result))

    def _write(self, line: Line) -> None:
        view = memoryview(self._encode(line) + b"\n")
        while view:
            view = view[os.write(self._fd, view) :]
