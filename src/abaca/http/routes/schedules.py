"""``/schedules``: jobs that are made again and again."""

from __future__ import annotations

from contextlib import aclosing
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from abaca.bulk import record_pages
from abaca.errors import ScheduleNotFound
from abaca.http.caller import Scope
from abaca.http.endpoint import endpoint
from abaca.http.filters import jobs_of
from abaca.http.paging import Paging, opened, sealed
from abaca.http.replies import Answer, Items
from abaca.http.requests import ApiRequest
from abaca.http.submitting import AboveZero, Millis, SubmitJob, new_job
from abaca.model import SCHEDULE, Query, Schedule
from abaca.schedules import MAX_MISSED, MissedPolicy, OverlapPolicy, make_schedule
from abaca.views import JobView, ScheduleView, job_views, schedule_view

_decode = msgspec.json.Decoder(Schedule).decode
_SHOWN = 3
"""How many of the next ticks are in a view."""
Time = Annotated[datetime, Meta(tz=True)]
_EXAMPLE = {"id": "nightly", "cron": "0 3 * * *", "tz": "Europe/Berlin", "job": {"task": "report"}}


class NewSchedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``cron`` has five fields, or six with seconds first, in the local time of ``tz``; or ``every_ms``, a distance.

    ``job`` is what each tick submits. ``missed``: of the ticks at which no worker was there, none is made up for
    (``skip``), the latest (``once``), or the latest ``missed_limit`` (``all``). ``overlap``: while the job of an
    earlier tick lives, the next runs beside it (``allow``), is left out (``skip``) or waits for its end (``queue``).
    """

    id: str
    job: SubmitJob
    cron: str | None = None
    every_ms: AboveZero | None = None
    tz: str = "UTC"
    missed: MissedPolicy = "once"
    missed_limit: Annotated[int, Meta(ge=1, le=MAX_MISSED)] = 100
    overlap: OverlapPolicy = "allow"
    jitter_ms: Millis = 0
    starts_at: Time | None = None
    ends_at: Time | None = None
    description: Annotated[str, Meta(max_length=1000)] = ""


class ChangeSchedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is given is changed, the rest stays."""

    job: SubmitJob | None = None
    cron: str | None = None
    every_ms: AboveZero | None = None
    tz: str = "UTC"
    missed: MissedPolicy | None = None
    overlap: OverlapPolicy | None = None
    jitter_ms: Millis | None = None
    description: Annotated[str, Meta(max_length=1000)] | None = None


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """``count``: how many of the next ticks."""

    count: Annotated[int, Meta(ge=1, le=100)] = 10


class Started(msgspec.Struct, frozen=True, kw_only=True):
    id: str


@endpoint("GET", "/schedules", scope=Scope.READ)
async def list_schedules(request: ApiRequest, query: Paging) -> Items[ScheduleView]:
    """List schedules by id."""
    found: list[Schedule] = []
    async with aclosing(record_pages(request.ask, SCHEDULE, after=opened(query.cursor) or "")) as pages:
        async for page in pages:
            found += [one for record in page if _sees(request, one := _decode(record.data or b""))]
            if len(found) > query.limit:
                break
    shown = found[: query.limit]
    more = sealed(shown[-1].id) if len(found) > query.limit else None
    return Items(items=[await _view(request, schedule, _SHOWN) for schedule in shown], next_cursor=more)


@endpoint("POST", "/schedules", scope=Scope.WRITE, status=201, examples={"body": _EXAMPLE})
async def create_schedule(request: ApiRequest, body: NewSchedule) -> Answer[ScheduleView]:
    """Store a new schedule. 422 for an id that is taken."""
    job, _ = await new_job(request, body.job)
    schedule = await request.app.schedules.create(
        body.id,
        job,
        cron=body.cron,
        every=None if body.every_ms is None else body.every_ms / 1000,
        tz=body.tz,
        missed=body.missed,
        missed_limit=body.missed_limit,
        overlap=body.overlap,
        jitter=body.jitter_ms / 1000,
        start=body.starts_at,
        end=body.ends_at,
        description=body.description,
    )
    view = await _view(request, schedule, _SHOWN)
    return Answer(status=201, body=view, headers={"Location": request.url(f"/schedules/{schedule.id}")})


@endpoint("POST", "/schedules/preview", scope=Scope.READ, examples={"body": _EXAMPLE})
async def preview_schedule(request: ApiRequest, body: NewSchedule, query: Preview) -> ScheduleView:
    """Say when a schedule would fire; nothing is stored."""
    job, _ = await new_job(request, body.job)
    schedule = make_schedule(
        body.id,
        job,
        cron=body.cron,
        every=None if body.every_ms is None else body.every_ms / 1000,
        tz=body.tz,
        jitter=body.jitter_ms / 1000,
        start=body.starts_at,
        end=body.ends_at,
    )
    return await _view(request, schedule, query.count)


@endpoint("GET", "/schedules/{id}", scope=Scope.READ)
async def get_schedule(request: ApiRequest, id: str, query: Preview) -> ScheduleView:
    """Read one schedule with its next ticks."""
    return await _view(request, await _mine(request, id), query.count)


@endpoint("PUT", "/schedules/{id}", scope=Scope.WRITE, examples={"body": {"cron": "0 4 * * *"}})
async def change_schedule(request: ApiRequest, id: str, body: ChangeSchedule) -> ScheduleView:
    """Change a schedule. What its ticks have made already stays."""
    await _mine(request, id)
    job = None if body.job is None else (await new_job(request, body.job))[0]
    schedule = await request.app.schedules.change(
        id,
        call=job,
        cron=body.cron,
        every=None if body.every_ms is None else body.every_ms / 1000,
        tz=body.tz,
        missed=body.missed,
        overlap=body.overlap,
        jitter=None if body.jitter_ms is None else body.jitter_ms / 1000,
        description=body.description,
    )
    return await _view(request, schedule, _SHOWN)


@endpoint("DELETE", "/schedules/{id}", scope=Scope.WRITE, status=204)
async def delete_schedule(request: ApiRequest, id: str) -> None:
    """Delete a schedule. Its jobs stay; one that code declares comes back with a worker of that code."""
    await _mine(request, id)
    await request.app.schedules.delete(id)


@endpoint("POST", "/schedules/{id}/enable", scope=Scope.WRITE)
async def enable_schedule(request: ApiRequest, id: str) -> ScheduleView:
    """Fire again."""
    await _mine(request, id)
    return await _view(request, await request.app.schedules.enable(id), _SHOWN)


@endpoint("POST", "/schedules/{id}/disable", scope=Scope.WRITE)
async def disable_schedule(request: ApiRequest, id: str) -> ScheduleView:
    """Fire no more; jobs that ticks have made are left alone."""
    await _mine(request, id)
    return await _view(request, await request.app.schedules.disable(id), _SHOWN)


@endpoint("POST", "/schedules/{id}/run-now", scope=Scope.WRITE, status=202)
async def run_schedule(request: ApiRequest, id: str) -> Answer[Started]:
    """Make one job of the schedule at once, beside its ticks."""
    await _mine(request, id)
    job = await request.app.schedules.run_now(id)
    return Answer(status=202, body=Started(id=job.id), headers={"Location": request.url(f"/jobs/{job.id}")})


@endpoint("GET", "/schedules/{id}/runs", scope=Scope.READ)
async def schedule_runs(request: ApiRequest, id: str, query: Paging) -> Items[JobView]:
    """List the jobs that a schedule has made, as long as they are kept."""
    await _mine(request, id)
    found, position = await jobs_of(request, Query(parent=f"schedule:{id}"), query.limit, query.cursor)
    jobs = [job for job in found if request.caller.sees(job)]
    return Items(items=await job_views(request, jobs), next_cursor=sealed(position))


def _sees(request: ApiRequest, schedule: Schedule) -> bool:
    caller = request.caller
    return caller.is_admin or (caller.owner is not None and schedule.job.owner == caller.owner)


async def _mine(request: ApiRequest, id: str) -> Schedule:
    """Raises ``ScheduleNotFound``, also for another owner's."""
    schedule = await request.app.schedules.get(id)
    if not _sees(request, schedule):
        raise ScheduleNotFound(f"there is no schedule {id!r}")
    return schedule


async def _view(request: ApiRequest, schedule: Schedule, count: int) -> ScheduleView:
    secrets = await request.secrets([schedule.job.task])
    ticks = await request.app.schedules.ticks(schedule, count)
    return schedule_view(schedule, ticks, secrets[schedule.job.task])


ENDPOINTS = (
    list_schedules,
    create_schedule,
    preview_schedule,
    get_schedule,
    change_schedule,
    delete_schedule,
    enable_schedule,
    disable_schedule,
    run_schedule,
    schedule_runs,
)
