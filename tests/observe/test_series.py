"""Series for charts, from the rows of a minute."""

from __future__ import annotations

import pytest

from abaca.measures import BOUNDS, Measures
from abaca.observe.series import MOST_MINUTES, by_task, quantile, series
from tests.observe.making import MINUTE, Ground, count


async def two_workers() -> Ground:
    """Three minutes: two and one runs in the first, none in the second, four of another task in the third."""
    ground = Ground()
    first, second = Measures(), Measures()
    recorders = [ground.recorder(first, "first"), ground.recorder(second, "second")]
    count(first, 2)
    count(second, 1)
    for pause in (60, 60, 0):
        for recorder in recorders:
            await recorder.record()
        ground.pass_time(pause)
    count(second, 4, task="mail", queue="out")
    for recorder in recorders:
        await recorder.record()
    return ground


async def test_each_step_has_a_point_with_the_sums_of_all_workers() -> None:
    # Given rows of two workers
    ground = await two_workers()
    # When a chart of five minutes is made
    points = await series(ground.backend, minutes=5, now=ground.now())
    # Then it has a point for each, quiet ones too
    assert [point.completed for point in points] == [0, 0, 3, 0, 4]
    assert [point.at for point in points] == [(MINUTE + n) * 60_000_000 for n in range(-2, 3)]
    assert points[2].run.p50 is not None
    assert points[3].run.p50 is None
    # And larger steps have the sums
    assert [point.completed for point in await series(ground.backend, minutes=6, step=3, now=ground.now())] == [0, 7]


async def test_series_are_narrowed_to_a_queue_or_a_task() -> None:
    # Given rows of two tasks in two queues
    ground = await two_workers()
    # When one is asked for
    by = [
        sum(
            point.completed
            for point in await series(ground.backend, minutes=5, now=ground.now(), queue=queue, task=task)
        )
        for queue, task in ((None, "mail"), ("default", None), ("default", "mail"))
    ]
    rows = await by_task(ground.backend, minutes=5, now=ground.now())
    # Then only it is there
    assert by == [4, 3, 0]
    assert [(row.queue, row.task, row.counts.completed) for row in rows] == [
        ("default", "render", 3),
        ("out", "mail", 4),
    ]


async def test_a_chart_is_as_long_as_rows_are_kept() -> None:
    # Given a store
    ground = Ground()
    # When more is asked for than is kept, or nothing
    # Then the chart is as long as rows are kept, and nothing is refused
    assert len(await series(ground.backend, minutes=10**6, step=60, now=ground.now())) == MOST_MINUTES // 60
    with pytest.raises(ValueError, match="minutes=0"):
        await series(ground.backend, minutes=0)


@pytest.mark.parametrize(
    ("buckets", "share", "expected"),
    [
        ([0] * 18, 0.5, None),
        ([10] + [0] * 17, 0.5, 0.0005),
        ([0, 4] + [0] * 16, 1.0, 0.005),
        ([1, 0, 0, 1] + [0] * 14, 0.75, 0.0175),
        ([0] * 17 + [3], 0.5, BOUNDS[-1]),
    ],
)
def test_a_quantile_lies_within_its_bucket(buckets: list[int], share: float, expected: float | None) -> None:
    # Given counts in buckets
    # When a quantile is estimated
    estimate = quantile(buckets, share)
    # Then it is where an even spread puts it
    assert estimate == (None if expected is None else pytest.approx(expected))
