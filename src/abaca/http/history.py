"""A job's log as the API tells it: updates, log lines, attempts."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from abaca.http.errors import malformed
from abaca.http.requests import ApiRequest, no_job
from abaca.model import ErrorInfo, Job, Kind, State, Status, Update
from abaca.policy.history import Slice, read_from, synthesise
from abaca.views import instant

_PAGE = 200


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One charged run. ``status`` is how it ended, or ``running``. When it started is known of the latest, and where
    while it runs."""

    attempt: int
    status: Status
    started_at: str | None
    ended_at: str | None
    worker: str | None
    error: ErrorInfo | None


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """What a handler logged with ``ctx.log``. ``fields`` are the names that it gave."""

    id: int
    at: str
    attempt: int
    level: str
    message: str
    fields: dict[str, Any]


class FromWhere(Protocol):
    """The query of a part of a log."""

    @property
    def limit(self) -> int: ...
    @property
    def cursor(self) -> str | None: ...
    @property
    def after(self) -> int | None: ...


async def read_updates(
    request: ApiRequest, id: str, where: FromWhere, only: Kind | None = None
) -> tuple[list[Update], str | None]:
    """A page of updates, and the cursor of the next; ``None`` where no more can come."""
    after = _start(where)
    found: list[Update] = []
    while len(found) < where.limit:
        part = await _slice(request, id, after)
        wanted = [update for update in part.updates if only is None or update.kind is only]
        room = where.limit - len(found)
        found += wanted[:room]
        if len(wanted) > room:
            return found, str(found[-1].id)
        after = part.after
        if part.ended:
            return found, None
        if not part.updates:
            break
    return found, str(after)


async def attempts_of(request: ApiRequest, job: Job) -> list[AttemptView]:
    found: list[AttemptView] = []
    after = 0
    while True:
        part = await _slice(request, job.id, after)
        found += [_failed(update) for update in part.updates if update.kind is Kind.ERROR]
        after = part.after
        if part.ended or not part.updates:
            break
    latest = AttemptView(
        attempt=job.attempt,
        status=job.status,
        started_at=instant(job.claimed_at),
        ended_at=instant(job.ended_at),
        worker=job.worker,
        error=job.error if job.state is State.FAILED else None,
    )
    if job.state is State.FAILED and found and found[-1].attempt == job.attempt:
        return [*found[:-1], msgspec.structs.replace(latest, error=found[-1].error)]
    if job.claimed_at is not None and job.state in (State.RUNNING, State.COMPLETED, State.CANCELLED, State.FAILED):
        return [*found, latest]
    return found


def log_line(update: Update) -> LogLine:
    try:
        said = msgspec.json.decode(update.data, type=dict[str, Any])
    except msgspec.MsgspecError:
        said = {"message": update.data.decode(errors="replace")}
    return LogLine(
        id=update.id,
        at=instant(update.at),
        attempt=update.attempt,
        level=str(said.pop("level", "info")),
        message=str(said.pop("message", "")),
        fields=said,
    )


async def _slice(request: ApiRequest, id: str, after: int) -> Slice:
    history = await request.ask(lambda backend: backend.updates(id, read_from(after), _PAGE))
    if history.job is None:
        raise no_job(id)
    return synthesise(history, after, _PAGE)


def _start(where: FromWhere) -> int:
    if where.cursor is None:
        return where.after or 0
    if not where.cursor.isascii() or not where.cursor.isdecimal() or len(where.cursor) > 15:
        raise malformed("the cursor is none that this service gave", "cursor")
    return int(where.cursor)


def _failed(update: Update) -> AttemptView:
    try:
        error = msgspec.json.decode(update.data, type=ErrorInfo)
    except msgspec.MsgspecError:
        error = ErrorInfo(type="abaca.Unreadable", message="this entry of the log is damaged")
    return AttemptView(
        attempt=update.attempt or error.attempt,
        status=Status.FAILED,
        started_at=None,
        ended_at=instant(update.at),
        worker=None,
        error=error,
    )
