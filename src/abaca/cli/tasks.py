"""``abaca tasks``"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from cyclopts import App, Parameter

from abaca.app import App as AbacaApp
from abaca.cli.near import New, expect_task
from abaca.cli.output import note, print_json, print_table
from abaca.cli.session import Given, Session
from abaca.config.values import read_duration
from abaca.model import Stats
from abaca.taskcontrol import TaskSettings

tasks = App(name="tasks", help="Show the tasks that workers know; pause, resume or limit one.")


@tasks.command(name="list")
@tasks.default
def list_tasks(*, session: Given) -> None:
    """Show the tasks that live workers know, and the settings of tasks that have any."""

    async def look(app: AbacaApp) -> tuple[Stats, dict[str, TaskSettings]]:
        return await app.stats(), await app.task_control.all()

    stats, settings = session.run(look)
    workers: dict[str, int] = {}
    for card in stats.workers:
        for task in card.tasks:
            workers[task] = workers.get(task, 0) + 1
    names = sorted({*workers, *settings})
    if session.json:
        print_json([_as_json(name, settings.get(name, TaskSettings()), workers.get(name, 0)) for name in names])
        return
    rows = [(name, workers.get(name, 0), _state(settings.get(name, TaskSettings()))) for name in names]
    print_table(("task", "workers", "settings"), rows, "no worker is alive, and no task has settings")


@tasks.command
def pause(name: str, /, *, new: New = False, session: Given) -> None:
    """Let workers start no job of a task; what runs goes on."""
    _change(session, name, lambda app: app.task_control.pause(name), new=new)


@tasks.command
def resume(name: str, /, *, new: New = False, session: Given) -> None:
    """Let workers start jobs of a task again."""
    _change(session, name, lambda app: app.task_control.resume(name), new=new)


@tasks.command
def limit(
    name: str,
    concurrency: Annotated[int | None, Parameter(help="How many run at once over all workers.")] = None,
    /,
    *,
    rate: Annotated[int | None, Parameter(help="How many start in each --period.")] = None,
    period: Annotated[str, Parameter(help="As 1s or 1m.")] = "1s",
    burst: Annotated[int, Parameter(help="How many may start at once after a rest.")] = 1,
    new: New = False,
    session: Given,
) -> None:
    """Say how many jobs of a task run at once or start in a time, over all workers; with neither, take it away."""
    seconds = read_duration(period, "--period")
    _change(
        session,
        name,
        lambda app: app.task_control.limit(name, concurrency, rate=rate, period=seconds, burst=burst),
        new=new,
    )


def _change(session: Session, name: str, act: Callable[[AbacaApp], Awaitable[TaskSettings]], *, new: bool) -> None:
    async def change(app: AbacaApp) -> TaskSettings:
        await expect_task(app, name, new=new)
        return await act(app)

    settings = session.run(change)
    print_json(settings) if session.json else note(f"task {name}: {_state(settings) or 'open'}")


def _state(settings: TaskSettings) -> str:
    words = ["paused"] if settings.paused else []
    if settings.concurrency is not None:
        words.append(f"{settings.concurrency} at once")
    if settings.rate is not None:
        words.append(
            f"{settings.rate} starts in {settings.period_ms / 1000:g} s, {settings.burst} at once after a rest"
        )
    return ", ".join(words)


def _as_json(name: str, settings: TaskSettings, workers: int) -> dict[str, object]:
    return {
        "name": name,
        "workers": workers,
        "paused": settings.paused,
        "concurrency": settings.concurrency,
        "rate": settings.rate,
        "period_ms": settings.period_ms,
        "burst": settings.burst,
    }
