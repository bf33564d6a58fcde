"""Schedules: when each fires next, and the buttons to stop it or to run it now."""

from __future__ import annotations

from datetime import datetime
from itertools import islice

from abaca.http.caller import Scope
from abaca.http.dashboard.desk import Desk
from abaca.http.dashboard.pages import Form, act, page
from abaca.http.dashboard.times import from_micros
from abaca.http.replies import Reply
from abaca.model import Schedule, Stats
from abaca.policy.cron import preview
from abaca.views import schedule_view

_UPCOMING = 5


@page("/schedules")
async def list_schedules(desk: Desk) -> Reply:
    stats: Stats = await desk.ask(lambda backend: backend.stats())
    schedules = await desk.app.schedules.all()
    secrets = await desk.api.secrets({each.job.task for each in schedules})
    rows = [schedule_view(each, _ticks(each, stats.seen_at), secrets[each.job.task]) for each in schedules]
    return desk.page("schedules.html", here="schedules", now=stats.seen_at, rows=rows)


def _ticks(schedule: Schedule, now: int) -> list[datetime]:
    return [from_micros(tick) for tick in islice(preview(schedule, now), _UPCOMING)]


@act("/schedules/{name}/enable", scope=Scope.ADMIN)
async def enable(desk: Desk, form: Form, name: str) -> Reply:
    await desk.app.schedules.enable(name)
    return desk.see_other("/schedules", f"Schedule {name} fires again.")


@act("/schedules/{name}/disable", scope=Scope.ADMIN)
async def disable(desk: Desk, form: Form, name: str) -> Reply:
    await desk.app.schedules.disable(name)
    return desk.see_other("/schedules", f"Schedule {name} fires no more until it is enabled.")


@act("/schedules/{name}/run", scope=Scope.ADMIN)
async def run_now(desk: Desk, form: Form, name: str) -> Reply:
    handle = await desk.app.schedules.run_now(name)
    return desk.see_other(f"/jobs/{handle.id}", f"Schedule {name} has made this job now, beside its ticks.")


HANDLERS = (list_schedules, enable, disable, run_now)
