"""Reads what a run says while it goes on. Code may say anything there; what is no report is passed over."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from abaca_strategies.running.answers import cleaned, require_sound
from abaca_strategies.running.work import Line, PointResult, Progress

MAX_LINE = 64_000
MAX_FIGURES = 200
OnProgress = Callable[[Progress], None]
OnPoint = Callable[[PointResult], None]
_decode = msgspec.json.Decoder(Line).decode


class Reports:
    """``take`` gets parts of the output. Each point that is asked for counts once, the first time it is told."""

    def __init__(
        self,
        on_progress: OnProgress | None = None,
        on_point: OnPoint | None = None,
        asked: frozenset[int] = frozenset(),
    ) -> None:
        self.points: dict[int, PointResult] = {}
        self._asked = asked
        self._on_progress = on_progress
        self._on_point = on_point
        self._rest = b""

    def take(self, part: bytes) -> None:
        *lines, self._rest = (self._rest + part).split(b"\n")
        if len(self._rest) > MAX_LINE:
            self._rest = b""
        for line in lines:
            if len(line) <= MAX_LINE:
                self._line(line)

    def _line(self, line: bytes) -> None:
        try:
            told = _decode(line)
            require_sound(msgspec.to_builtins(told))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return
        if self._on_progress is not None and (progress := _sound(told.progress)) is not None:
            self._on_progress(progress)
        if told.point is not None:
            self._point(told.point)

    def _point(self, point: PointResult) -> None:
        if point.number not in self._asked or point.number in self.points or len(point.metrics) > MAX_FIGURES:
            return
        self.points[point.number] = point
        if self._on_point is not None:
            self._on_point(point)


def _sound(told: Progress | None) -> Progress | None:
    if told is None or not 0 <= told.done <= max(told.total, told.done) or told.total < 0 or len(told.stage) > 40:
        return None
    return Progress(cleaned(told.stage), told.done, told.total, cleaned(told.message[:200]))
