"""``abaca jobs``: what a job reports, as it is stored and as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import Parameter

from abaca.app import App
from abaca.backend import Backend
from abaca.cli.jobview import job_id, log_line, update_json, update_line
from abaca.cli.session import Given
from abaca.client import no_such_job
from abaca.model import Kind, Update
from abaca.policy.history import Slice, read_from, synthesise

_PAGE = 200
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
Level = Literal["debug", "info", "warning", "error", "critical"]

Follow = Annotated[bool, Parameter(negative="", help="Stay until the job has ended.")]
After = Annotated[int, Parameter(help="Only updates above this id.")]


def updates(id: str, /, *, follow: Follow = False, after: After = 0, session: Given) -> None:
    """Print a job's updates in order, one a line."""
    show = update_json if session.json else update_line

    async def read(app: App) -> None:
        async for update in reported(app, job_id(id), after, follow=follow):
            print(show(update), flush=follow)

    session.run(read)


def logs(
    id: str,
    /,
    *,
    follow: Follow = False,
    after: After = 0,
    attempt: Annotated[int | None, Parameter(help="Only lines of this attempt.")] = None,
    level: Annotated[Level, Parameter(help="Only lines of this level and above.")] = "debug",
    session: Given,
) -> None:
    """Print what a job logged, one line each; the newest 1,000 lines and reports are kept.

    With --follow it goes on until the job has ended.
    """
    show = update_json if session.json else log_line
    wanted = _wanted(attempt, _LEVELS[level])

    async def read(app: App) -> None:
        async for update in reported(app, job_id(id), after, follow=follow):
            if wanted(update):
                print(show(update), flush=follow)

    session.run(read)


def _wanted(attempt: int | None, least: int) -> Callable[[Update], bool]:
    def wanted(update: Update) -> bool:
        if update.kind is Kind.GAP:
            return True
        if update.kind is not Kind.LOG:
            return False
        return (attempt is None or update.attempt == attempt) and _weight(update) >= least

    return wanted


def _weight(update: Update) -> int:
    """A line whose level is not known is always shown."""
    try:
        line: Any = msgspec.json.decode(update.data)
    except msgspec.DecodeError:
        return 100
    return _LEVELS.get(str(line.get("level")).lower(), 100) if isinstance(line, dict) else 100


async def reported(app: App, id: str, after: int, *, follow: bool) -> AsyncIterator[Update]:
    """The updates that are there, and with ``follow`` those that come, to the end. Raises ``JobNotFound``."""
    handle = app.job(id)
    if follow or (await handle.info()).state.ended:
        async for update in handle.updates(after):
            yield update
        return
    while True:
        part = await _slice(await app.backend(), id, after)
        for update in part.updates:
            yield update
        if not part.updates or part.ended:
            return
        after = part.after


async def _slice(backend: Backend, id: str, after: int) -> Slice:
    history = await backend.updates(id, read_from(after), _PAGE)
    if history.job is None:
        raise no_such_job(id)
    return synthesise(history, after, _PAGE)
