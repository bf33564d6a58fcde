"""Runs of a sweep in the sandbox, one process for many: one that ends its process is marked, and the others go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from abaca_strategies.packed import Packed
from abaca_strategies.running.answers import Ran
from abaca_strategies.running.reporting import OnPoint, OnProgress
from abaca_strategies.running.work import Failure, Point, PointResult, Points, Reason

RUN_SECONDS = 240.0
"""For the runs of one process together; what is left over goes on in the next. A single run may take as long."""
MOST_FAILURES = 3
"""Runs that ended their process; behind the third the rest of the batch is not tried."""
LEAST_SECONDS = 2.0
_OF_THE_CODE: tuple[Reason, ...] = ("syntax", "entry")


class RunsPoints(Protocol):
    """``Runner``, as far as it is needed here."""

    async def points(
        self,
        work: Points,
        data: Packed,
        on_progress: OnProgress | None = None,
        on_point: OnPoint | None = None,
        *,
        seconds: float | None = None,
    ) -> Ran[list[PointResult]]: ...


async def run_points(
    runner: RunsPoints,
    work: Points,
    data: Packed,
    seconds_left: Callable[[float], float],
    on_done: Callable[[int], None] = lambda done: None,
) -> dict[int, PointResult]:
    """Every run of ``work`` by its number: its figures, or why it has none. ``seconds_left`` answers how many of so
    many seconds are there still; ``on_done`` hears how many runs have ended."""
    found: dict[int, PointResult] = {}
    done = failures = 0

    def count(result: PointResult) -> None:
        nonlocal done
        done += 1
        on_done(done)

    rest = list(work.points)
    while rest:
        seconds = seconds_left(RUN_SECONDS)
        if seconds < LEAST_SECONDS and found:
            _mark(found, rest, "timeout: the time of its batch was over before its turn")
            break
        ran = await runner.points(msgspec.structs.replace(work, points=rest), data, None, count, seconds=seconds)
        for result in ran.value or ():
            found[result.number] = result
        rest = [point for point in work.points if point.number not in found]
        if not rest:
            break
        failure = ran.failure or Failure(reason="bad_answer", message="the code left no figures")
        if failure.reason in _OF_THE_CODE:
            _mark(found, rest, str(failure))
        elif not (failure.reason == "timeout" and ran.value):  # otherwise all of them together took too long
            _mark(found, rest[:1], str(failure))
            failures += 1
            rest = rest[1:]
        if failures == MOST_FAILURES:
            _mark(
                found, rest, f"not tried: {failures} runs before it ended their process, the last by {failure.reason}"
            )
        done = len(found)
        on_done(done)
        rest = [point for point in rest if point.number not in found]
    return found


def _mark(found: dict[int, PointResult], points: list[Point], words: str) -> None:
    for point in points:
        found[point.number] = PointResult(number=point.number, error=words)


def figures_of(metrics: Mapping[str, float | None], names: list[str]) -> dict[str, float | None]:
    return {name: metrics[name] for name in names if name in metrics}
