"""Where the numbers of the charts come from: the rows that workers write for each minute."""

from __future__ import annotations

from collections.abc import Iterable

from abaca.http.dashboard.desk import Desk
from abaca.http.dashboard.series import Series, TaskEnds
from abaca.observe.series import Point, Row, by_task, series

MINUTES = 60
JUDGED_MINUTES = 15
"""Of how many minutes a task's failures are judged."""


async def last_hour(desk: Desk, now: int, queue: str | None = None, task: str | None = None) -> Series:
    """The last sixty minutes of all tasks and queues, or of one. ``now`` is the store's, in microseconds."""
    moment = now / 1e6
    points = await desk.ask(lambda backend: series(backend, minutes=MINUTES, queue=queue, task=task, now=moment))
    rows = await desk.ask(lambda backend: by_task(backend, minutes=JUDGED_MINUTES, now=moment))
    return as_series(points, rows)


def as_series(points: Iterable[Point], rows: Iterable[Row] = ()) -> Series:
    """Runs that were lost count as failed ones that come again."""
    found = list(points)
    return Series(
        minutes=tuple(point.at for point in found),
        completed=tuple(float(point.completed) for point in found),
        failed=tuple(float(point.failed) for point in found),
        retried=tuple(float(point.retried + point.lost) for point in found),
        wait_half=tuple(point.wait.p50 for point in found),
        wait_most=tuple(point.wait.p95 for point in found),
        run_half=tuple(point.run.p50 for point in found),
        run_most=tuple(point.run.p95 for point in found),
        tasks=_tasks(rows),
    )


def _tasks(rows: Iterable[Row]) -> dict[str, TaskEnds]:
    """By task over all its queues."""
    ends: dict[str, tuple[int, int]] = {}
    for row in rows:
        bad = row.counts.failed + row.counts.retried + row.counts.lost
        ended, failed = ends.get(row.task, (0, 0))
        ends[row.task] = (ended + row.counts.completed + bad, failed + bad)
    return {task: TaskEnds(ended=ended, failed=failed) for task, (ended, failed) in ends.items()}
