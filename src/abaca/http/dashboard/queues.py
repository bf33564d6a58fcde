"""Queues: what waits in each, and what holds them back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from abaca.errors import ConfigError
from abaca.http.caller import Scope
from abaca.http.dashboard.desk import Desk
from abaca.http.dashboard.measured import last_hour
from abaca.http.dashboard.pages import Form, act, page
from abaca.http.dashboard.series import charts
from abaca.http.replies import Reply
from abaca.model import QueueSettings, QueueStats, Stats
from abaca.views import QueueView, queue_view

_decode = msgspec.json.Decoder(QueueSettings).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One queue, and how many workers serve it."""

    view: QueueView
    workers: int

    @property
    def name(self) -> str:
        return self.view.name

    @property
    def waiting(self) -> int:
        return self.view.due + self.view.later + self.view.blocked

    def parts(self, most: int) -> list[tuple[float, float, str]]:
        """Its bar in hundredths of the longest: where each part begins, how wide it is, its class."""
        found, at = [], 0.0
        counts = (("queued", self.view.due), ("scheduled", self.view.later), ("blocked", self.view.blocked))
        for kind, number in counts:
            width = 100 * number / most if most else 0.0
            if width:
                found.append((round(at, 2), round(max(width, 0.8), 2), kind))
                at += width
        return found


def queue_rows(stats: Stats, settings: Mapping[str, QueueSettings]) -> list[Row]:
    """Every queue in which a job waits, that has settings, or that a worker serves; the fullest first."""
    served = {name for card in stats.workers for name in card.queues}
    names = {*(queue.name for queue in stats.queues), *settings, *served}
    return sorted((_row(name, stats, settings) for name in names), key=lambda row: (-row.waiting, row.name))


def _row(name: str, stats: Stats, settings: Mapping[str, QueueSettings]) -> Row:
    waiting = next((queue for queue in stats.queues if queue.name == name), QueueStats(name=name))
    view = queue_view(waiting, settings.get(name, QueueSettings()), stats)
    return Row(view=view, workers=sum(name in card.queues for card in stats.workers))


@page("/queues")
async def list_queues(desk: Desk) -> Reply:
    stats: Stats = await desk.ask(lambda backend: backend.stats())
    rows = queue_rows(stats, await desk.app.queues.all())
    return desk.page("queues.html", here="queues", now=stats.seen_at, rows=rows, most=_most(rows))


@page("/queues/{name}")
async def show_queue(desk: Desk, name: str) -> Reply:
    stats: Stats = await desk.ask(lambda backend: backend.stats())
    row = _row(name, stats, await desk.app.queues.all())
    series = await last_hour(desk, stats.seen_at, queue=name)
    by_priority = sorted(row.view.by_priority.items(), reverse=True)
    return desk.page(
        "queue.html",
        here="queues",
        now=stats.seen_at,
        row=row,
        by_priority=by_priority,
        most=max((number for _, number in by_priority), default=0),
        workers=[card for card in stats.workers if name in card.queues],
        charts=charts(series),
        rate=series.per_second,
        to_go=row.view.due / series.per_second if series.per_second else None,
    )


def _most(rows: list[Row]) -> int:
    return max((row.waiting for row in rows), default=0)


@act("/queues/{name}/pause", scope=Scope.ADMIN)
async def pause(desk: Desk, form: Form, name: str) -> Reply:
    await desk.app.queues.pause(name)
    return desk.see_other(f"/queues/{name}", f"Queue {name} is paused: what runs goes on, nothing new is claimed.")


@act("/queues/{name}/resume", scope=Scope.ADMIN)
async def resume(desk: Desk, form: Form, name: str) -> Reply:
    await desk.app.queues.resume(name)
    return desk.see_other(f"/queues/{name}", f"Queue {name} is open again.")


@act("/queues/{name}/limits", scope=Scope.ADMIN)
async def limit(desk: Desk, form: Form, name: str) -> Reply:
    """An empty field takes that limit away."""
    concurrency = _number(form.get("concurrency", ""), "at once")
    max_length = _number(form.get("max_length", ""), "may wait")
    await desk.app.queues.limit(name, concurrency)
    await desk.app.queues.limit_length(name, max_length)
    await desk.app.queues.age(name, form.get("aging") == "on")
    return desk.see_other(f"/queues/{name}", f"The settings of queue {name} are stored.")


@act("/queues/{name}/purge", scope=Scope.ADMIN)
async def purge(desk: Desk, form: Form, name: str) -> Reply:
    """Asks for the name, as typed by whoever is sure."""
    if form.get("name", "").strip() != name:
        raise ConfigError(f"to purge the queue, type its name {name!r}; nothing was deleted")
    deleted = await desk.app.queues.purge(name)
    return desk.see_other(f"/queues/{name}", f"{deleted:,} waiting jobs of queue {name} are deleted.")


def _number(text: str, what: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not text.isdecimal() or len(text) > 12:
        raise ConfigError(f"{what}: {text[:20]!r} is no whole number; leave it empty for no limit")
    return int(text)


HANDLERS = (list_queues, show_queue, pause, resume, limit, purge)
