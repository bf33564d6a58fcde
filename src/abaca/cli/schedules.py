"""``abaca schedules``"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated

from cyclopts import App, Parameter

from abaca.app import App as AbacaApp
from abaca.cli.arguments import read_arguments
from abaca.cli.jobs import print_jobs
from abaca.cli.near import with_near_schedules
from abaca.cli.output import json_line, note, print_json, print_pairs, print_table
from abaca.cli.session import Given, Session
from abaca.model import Every, Schedule
from abaca.options import Pool, call_options
from abaca.schedules import MissedPolicy, OverlapPolicy
from abaca.views import ScheduleView, schedule_view
from abaca.views.words import span

schedules = App(name="schedules", help="List schedules; create, change, run, disable or delete them.")

CronFlag = Annotated[str | None, Parameter(help="Five fields, or six with seconds first.")]
EveryFlag = Annotated[str | None, Parameter(help="A fixed distance, as 30s or 5m.")]
ZoneFlag = Annotated[str, Parameter(help="The time zone of --cron, as Europe/Berlin.")]
_MISSED = "What becomes of ticks that passed while no worker lived."
_OVERLAP = "What happens at a tick while the job of the last one has not ended."
_JITTER = "Spread the jobs over this time after each tick."
_DESCRIPTION = "A word for people."
_UPCOMING = 5


@schedules.command(name="list")
@schedules.default
def list_schedules(*, session: Given) -> None:
    """List schedules and when each is due next."""

    async def ask(app: AbacaApp) -> tuple[list[tuple[Schedule, datetime | None]], dict[str, tuple[str, ...]]]:
        found = await app.schedules.all()
        secrets = await app.secrets(schedule.job.task for schedule in found)
        return [(schedule, await _next(app, schedule)) for schedule in found], secrets

    rows, secrets = session.run(ask)
    if session.json:
        print_json([schedule_view(one, [at] if at else [], secrets[one.job.task]) for one, at in rows])
        return
    heads = ("schedule", "task", "when", "next", "enabled", "missed", "overlap", "from")
    print_table(heads, [_row(schedule, moment) for schedule, moment in rows], "no schedules")


@schedules.command
def show(name: str, /, *, session: Given) -> None:
    """Show one schedule, its next ticks and its latest jobs."""

    async def ask(app: AbacaApp) -> None:
        schedule = await with_near_schedules(app, name, lambda: app.schedules.get(name))
        ticks = await app.schedules.preview(name, _UPCOMING)
        runs = await app.schedules.runs(name, limit=10)
        view = await _view(app, schedule, ticks)
        if session.json:
            print_json(view)
            return
        print_pairs(
            [
                ("schedule", schedule.id),
                ("description", schedule.description),
                ("task", schedule.job.task),
                ("args", json_line(view.args)),
                ("queue", schedule.job.queue),
                ("priority", schedule.job.priority),
                ("when", _when(schedule)),
                ("enabled", _enabled(schedule)),
                ("missed", schedule.missed.value),
                ("overlap", schedule.overlap.value),
                ("declared by", schedule.declared_by),
                ("next", ", ".join(_text(tick) for tick in ticks)),
            ]
        )
        print()
        print_jobs(runs.jobs)

    session.run(ask)


@schedules.command
def create(
    name: str,
    task: str,
    args: str = "{}",
    /,
    *,
    cron: CronFlag = None,
    every: EveryFlag = None,
    tz: ZoneFlag = "UTC",
    missed: Annotated[MissedPolicy, Parameter(help=_MISSED)] = "once",
    overlap: Annotated[OverlapPolicy, Parameter(help=_OVERLAP)] = "allow",
    jitter: Annotated[str, Parameter(help=_JITTER)] = "0s",
    queue: Annotated[str | None, Parameter(help="Else what the task's workers have announced.")] = None,
    pool: Annotated[Pool | None, Parameter(help="Needed for a task that no worker has announced yet.")] = None,
    tag: Annotated[tuple[str, ...], Parameter(negative="", help="May be given several times.")] = (),
    description: Annotated[str, Parameter(help=_DESCRIPTION)] = "",
    session: Given,
) -> None:
    """Store a schedule that makes a job of TASK at each tick; ARGS is a JSON object of the arguments by name."""
    arguments = read_arguments(args)

    async def store(app: AbacaApp) -> ScheduleView:
        job = await app.named_job(task, arguments, call_options(queue=queue, tags=tag or None), pool=pool)
        created = await app.schedules.create(
            name,
            job,
            cron=cron,
            every=every,
            tz=tz,
            missed=missed,
            overlap=overlap,
            jitter=jitter,
            description=description,
        )
        return await _view(app, created)

    _answer(session, session.run(store, create=True), "created")


@schedules.command
def change(
    name: str,
    /,
    *,
    cron: CronFlag = None,
    every: EveryFlag = None,
    tz: ZoneFlag = "UTC",
    missed: Annotated[MissedPolicy | None, Parameter(help=_MISSED)] = None,
    overlap: Annotated[OverlapPolicy | None, Parameter(help=_OVERLAP)] = None,
    jitter: Annotated[str | None, Parameter(help=_JITTER)] = None,
    description: Annotated[str | None, Parameter(help=_DESCRIPTION)] = None,
    session: Given,
) -> None:
    """Change what is given and leave the rest."""

    async def act(app: AbacaApp) -> Schedule:
        return await app.schedules.change(
            name,
            cron=cron,
            every=every,
            tz=tz,
            missed=missed,
            overlap=overlap,
            jitter=jitter,
            description=description,
        )

    _act(session, name, act, "changed")


@schedules.command
def enable(name: str, /, *, session: Given) -> None:
    """Let a schedule fire again."""
    _act(session, name, lambda app: app.schedules.enable(name), "enabled")


@schedules.command
def disable(name: str, /, *, session: Given) -> None:
    """Let a schedule fire no more until it is enabled; its jobs are left alone."""
    _act(session, name, lambda app: app.schedules.disable(name), "disabled")


@schedules.command
def run(name: str, /, *, session: Given) -> None:
    """Make one job of a schedule now and print its id."""
    handle = session.run(lambda app: with_near_schedules(app, name, lambda: app.schedules.run_now(name)))
    print_json({"id": handle.id}) if session.json else print(handle.id)


@schedules.command
def delete(name: str, /, *, session: Given) -> None:
    """Remove a schedule; its jobs stay."""

    def act(app: AbacaApp) -> Awaitable[Schedule]:
        return _delete(app, name)

    _act(session, name, act, "deleted")


async def _delete(app: AbacaApp, name: str) -> Schedule:
    schedule = await app.schedules.get(name)
    await app.schedules.delete(name)
    return schedule


async def _view(app: AbacaApp, schedule: Schedule, ticks: Sequence[datetime] = ()) -> ScheduleView:
    secrets = await app.secrets([schedule.job.task])
    return schedule_view(schedule, ticks, secrets[schedule.job.task])


def _act(session: Session, name: str, change: Callable[[AbacaApp], Awaitable[Schedule]], done: str) -> None:
    async def act(app: AbacaApp) -> ScheduleView:
        return await _view(app, await with_near_schedules(app, name, lambda: change(app)))

    _answer(session, session.run(act), done)


def _answer(session: Session, schedule: ScheduleView, done: str) -> None:
    if session.json:
        print_json(schedule)
        return
    note(f"schedule {schedule.id}: {done}")


async def _next(app: AbacaApp, schedule: Schedule) -> datetime | None:
    ticks = await app.schedules.preview(schedule.id, 1) if schedule.enabled else []
    return ticks[0] if ticks else None


def _row(schedule: Schedule, moment: datetime | None) -> tuple[object, ...]:
    return (
        schedule.id,
        schedule.job.task,
        _when(schedule),
        None if moment is None else _text(moment),
        _enabled(schedule),
        schedule.missed.value,
        schedule.overlap.value,
        "stored" if schedule.declared_by is None else f"code of {schedule.declared_by}",
    )


def _when(schedule: Schedule) -> str:
    cadence = schedule.cadence
    if isinstance(cadence, Every):
        return f"every {span(cadence.ms / 1000)}"
    return f"{cadence.expression} {cadence.tz}"


def _enabled(schedule: Schedule) -> str:
    return "yes" if schedule.enabled else "no"


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
