"""The first page: is anything wrong, how much is done, what waits, who works."""

from __future__ import annotations

from abaca.http.dashboard.desk import Desk
from abaca.http.dashboard.measured import last_hour
from abaca.http.dashboard.pages import page
from abaca.http.dashboard.queues import Row, queue_rows
from abaca.http.dashboard.searching import glance
from abaca.http.dashboard.series import charts
from abaca.http.dashboard.troubles import find_troubles, oldest_wait
from abaca.http.dashboard.workers import WorkerRow, in_order
from abaca.http.replies import Reply
from abaca.model import Query, Stats, Status

_SAMPLE = 100
_MOST_QUEUES = 12
_MOST_WORKERS = 12
_LATEST = 8


@page("")
async def overview(desk: Desk) -> Reply:
    stats: Stats = await desk.ask(lambda backend: backend.stats())
    settings = await desk.app.queues.all()
    series = await last_hour(desk, stats.seen_at)
    due = Query(status=(Status.QUEUED,), owner=desk.owner)
    sample = await glance(desk, due, _SAMPLE) if stats.queues else []
    failed = await glance(desk, Query(status=(Status.FAILED,), owner=desk.owner), _LATEST)
    rows = queue_rows(stats, settings)
    return desk.page(
        "overview.html",
        here="overview",
        now=stats.seen_at,
        stats=stats,
        troubles=find_troubles(stats, settings, series.tasks, sample),
        oldest=oldest_wait(stats),
        series=series,
        charts=charts(series),
        queues=rows[:_MOST_QUEUES],
        more_queues=max(0, len(rows) - _MOST_QUEUES),
        waiting=_waiting(rows),
        workers=[WorkerRow.of(card, stats.seen_at) for card in in_order(stats.workers)][:_MOST_WORKERS],
        more_workers=max(0, len(stats.workers) - _MOST_WORKERS),
        failed=list(zip(failed, await desk.views(failed), strict=True)),
        is_new=not (stats.queues or stats.running or any(stats.totals.values())),
    )


def _waiting(rows: list[Row]) -> int:
    return sum(row.waiting for row in rows)


HANDLERS = (overview,)
