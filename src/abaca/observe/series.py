"""Series for charts: what happened in each minute, or each few, of the last hours."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from abaca.backend import Backend
from abaca.measures import BOUNDS, MINUTE_KEPT_MS, Cell, Measures
from abaca.model import MINUTE_MS, Value
from abaca.observe.reading import read_minutes

MOST_MINUTES = MINUTE_KEPT_MS // MINUTE_MS


class Quantiles(Value, frozen=True, kw_only=True):
    """Seconds, estimated within a bucket; ``None`` where nothing was counted."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


class Point(Value, frozen=True, kw_only=True):
    """Counts of one step; see ``Cell`` for what they mean. ``at``: its beginning, in microseconds."""

    at: int
    started: int = 0
    completed: int = 0
    failed: int = 0
    retried: int = 0
    snoozed: int = 0
    cancelled: int = 0
    given_back: int = 0
    lost: int = 0
    timeouts: int = 0
    wait: Quantiles = Quantiles()
    run: Quantiles = Quantiles()


class Row(Value, frozen=True, kw_only=True):
    """The same of one queue and task over the whole time."""

    queue: str
    task: str
    counts: Point


async def series(
    backend: Backend,
    *,
    minutes: int = 60,
    step: int = 1,
    queue: str | None = None,
    task: str | None = None,
    now: float | None = None,
) -> list[Point]:
    """One point for each ``step`` minutes of the last ``minutes`` (at most ``MOST_MINUTES``), quiet ones too.

    The last point is of the step that has just begun. ``queue`` and ``task`` narrow. ``now``: seconds since 1970, by
    default this process's clock. Raises ``ValueError`` for lengths that are not positive, ``BackendUnavailable``.
    """
    if minutes < 1 or step < 1:
        raise ValueError(f"minutes={minutes}, step={step}: both count whole minutes and are at least 1")
    last = int((time.time() if now is None else now) // 60)
    steps = -(-min(minutes, MOST_MINUTES) // step)
    end = last - last % step
    first = end - (steps - 1) * step
    found = await read_minutes(backend, first, last)
    points = []
    for begin in range(first, end + 1, step):
        cells = [
            cell
            for minute in range(begin, begin + step)
            for cell in found.get(minute, _NOTHING).cells.values()
            if queue in (None, cell.queue) and task in (None, cell.task)
        ]
        points.append(_point(begin, cells))
    return points


async def by_task(backend: Backend, *, minutes: int = 60, now: float | None = None) -> list[Row]:
    """One row for each queue and task that was busy in the last ``minutes``, by their names."""
    last = int((time.time() if now is None else now) // 60)
    first = last - min(max(minutes, 1), MOST_MINUTES) + 1
    counted = Measures()
    for measures in (await read_minutes(backend, first, last)).values():
        counted.add(measures)
    return [
        Row(queue=cell.queue, task=cell.task, counts=_point(first, [cell])) for _, cell in sorted(counted.cells.items())
    ]


def quantile(buckets: Sequence[int], share: float, bounds: Sequence[float] = BOUNDS) -> float | None:
    """The value below which ``share`` of the counted ones lie, taken to be spread evenly in their bucket.

    What lies above the last bound is taken to be at it.
    """
    total = sum(buckets)
    if not total:
        return None
    rank, seen = share * total, 0
    for place, count in enumerate(buckets[: len(bounds)]):
        if count and seen + count >= rank:
            low = bounds[place - 1] if place else 0.0
            return low + (bounds[place] - low) * max(0.0, rank - seen) / count
        seen += count
    return bounds[-1]


_NOTHING = Measures()
_COUNTS = ("started", "completed", "failed", "retried", "snoozed", "cancelled", "given_back", "lost", "timeouts")


def _point(minute: int, cells: Iterable[Cell]) -> Point:
    together = Measures()
    for cell in cells:
        together.add(Measures([cell.under("", "")]))
    cell = together.cell("", "")
    return Point(
        at=minute * 60_000_000,
        **{name: getattr(cell, name) for name in _COUNTS},
        wait=_quantiles(cell.waits),
        run=_quantiles(cell.runs),
    )


def _quantiles(buckets: Sequence[int]) -> Quantiles:
    return Quantiles(p50=quantile(buckets, 0.5), p95=quantile(buckets, 0.95), p99=quantile(buckets, 0.99))
