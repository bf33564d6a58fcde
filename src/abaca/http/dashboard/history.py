"""A job's log for its page: read whole up to a limit, and told line by line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from abaca.http.dashboard.desk import Desk
from abaca.http.dashboard.rendering import one_line
from abaca.http.dashboard.timeline import error_of
from abaca.model import Job, Kind, Progress, Update
from abaca.policy.history import read_from, synthesise

_PAGE = 500
MOST = 5_000
"""Entries of one job that are read for its page."""
SHOWN_LINES = 400
SHOWN_ITEMS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the log. ``level`` is that of a log line, or the kind of another update."""

    id: int
    at: int
    attempt: int
    level: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """``left_out`` says that the log goes on beyond what was read; ``items`` are values that the job streamed."""

    updates: list[Update]
    lines: list[Line]
    items: list[tuple[int, Any]]
    item_count: int
    line_count: int
    left_out: bool


async def read_history(desk: Desk, job: Job) -> Told:
    updates: list[Update] = []
    after, left_out = 0, False
    while True:
        start = after
        history = await desk.ask(lambda backend, start=start: backend.updates(job.id, read_from(start), _PAGE))  # type: ignore[misc]
        if history.job is None:
            break
        part = synthesise(history, after, _PAGE)
        updates += part.updates
        after = part.after
        left_out = len(updates) >= MOST
        if not part.updates or part.ended or left_out:
            break
    return told(updates, left_out=left_out)


def told(updates: list[Update], *, left_out: bool = False) -> Told:
    lines = [_line(update) for update in updates if update.kind is not Kind.ITEM]
    items = [update for update in updates if update.kind is Kind.ITEM]
    return Told(
        updates=updates,
        lines=lines[-SHOWN_LINES:],
        items=[(update.id, msgspec.Raw(update.data)) for update in items[-SHOWN_ITEMS:]],
        item_count=len(items),
        line_count=len(lines),
        left_out=left_out,
    )


def _line(update: Update) -> Line:
    level, text = update.kind.value, ""
    try:
        match update.kind:
            case Kind.ERROR:
                text = str(error_of(update))
            case Kind.PROGRESS:
                text = str(msgspec.json.decode(update.data, type=Progress))
            case Kind.LOG:
                said = msgspec.json.decode(update.data, type=dict[str, Any])
                level = str(said.pop("level"))
                text = " ".join([str(said.pop("message")), *(f"{name}={one_line(said[name])}" for name in said)])
            case Kind.GAP:
                text = f"{update.value} entries are no longer kept"
            case Kind.STEP:
                step = msgspec.json.decode(update.data, type=dict[str, Any])
                text = f"{step.get('what', 'step')} {step.get('name', '')}"
            case _:
                text = str(update.value)
    except (msgspec.MsgspecError, KeyError):
        text = update.data.decode(errors="replace")
    return Line(id=update.id, at=update.at, attempt=update.attempt, level=level, text=text)
