"""Names that nobody knows: a mistake in one is told with the name that was probably meant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from cyclopts import Parameter

from abaca.announce import KIND
from abaca.app import App
from abaca.cli.output import note
from abaca.errors import ConfigError, ScheduleNotFound
from abaca.text import did_you_mean, near_names

T = TypeVar("T")
New = Annotated[bool, Parameter(negative="", help="The name is meant, although another is nearly the same.")]
_MOST = 1000


async def known_queues(app: App) -> set[str]:
    """Queues in which jobs wait, that live workers serve, or that have settings."""
    stats = await app.stats()
    served = {queue for card in stats.workers for queue in card.queues}
    set_up = set(await app.queues.all())
    return served | set_up | {queue.name for queue in stats.queues}


async def known_tasks(app: App) -> set[str]:
    """Tasks that workers have announced, live or not, or that have settings."""
    announced = {record.id for record in await app.records.scan(KIND, limit=_MOST)}
    return announced | set(await app.task_control.all())


async def expect_queue(app: App, name: str, *, new: bool) -> None:
    """Raises ``ConfigError`` for a queue that nobody knows while a known one is nearly called so."""
    _expect("queue", name, await known_queues(app), new=new)


async def expect_task(app: App, name: str, *, new: bool) -> None:
    """The same for a task."""
    _expect("task", name, await known_tasks(app), new=new)


def _expect(what: str, name: str, known: set[str], *, new: bool) -> None:
    near = () if new or name in known else near_names(name, known)
    if near:
        raise ConfigError(
            f"no such {what} {name!r}{did_you_mean(near)} Nothing was changed; --new says that the name is meant"
        )


async def hint(app: App, queue: str | None, task: str | None) -> None:
    """After a search that found nothing: the name that was probably meant."""
    for what, name, known in (("queue", queue, known_queues), ("task", task, known_tasks)):
        if name is not None and name not in (names := await known(app)):
            note(f"there is no {what} {name!r}{did_you_mean(near_names(name, names))}")


async def with_near_schedules(app: App, name: str, act: Callable[[], Awaitable[T]]) -> T:
    try:
        return await act()
    except ScheduleNotFound as error:
        near = near_names(name, [schedule.id for schedule in await app.schedules.all()])
        if not near:
            raise
        raise ScheduleNotFound(f"there is no schedule {name!r}{did_you_mean(near)}") from error
