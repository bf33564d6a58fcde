"""``find`` without an index of its own: a walk along the sorted sets that exist anyway, within a budget."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from abaca.backends.redis.packing import unpack_job
from abaca.backends.redis.statics import split_line
from abaca.backends.search import matches
from abaca.errors import ConfigError
from abaca.model import Job, Page, Query, Status

BUDGET = 2_000
"""How many records one page may look at."""
_STEP = 200
_ID_BYTES = 16
_PARKED = "p:"
_KINDS = ("d:", "w:", "m:")
"""What the sorted sets of a line begin with (``lua/lines.lua``)."""
_WAITING = {Status.SCHEDULED, Status.BLOCKED, Status.QUEUED, Status.RETRYING}
_ENDED = {Status.COMPLETED, Status.FAILED, Status.CANCELLED}

Walk = Callable[[str, str, str, bytes, int], Awaitable[tuple[int, list[Any]]]]
"""Sorted set, ``rev`` or empty, score and member to go on after, how many: the store's time, then member, score,
record."""


class _Place(msgspec.Struct, array_like=True):
    """Where a page ended: a sorted set, and the score and member last looked at in it; that begins with an id."""

    set: str
    score: str = ""
    id: bytes = b""


@dataclass(slots=True)
class _Search:
    query: Query
    jobs: list[Job]
    ids: set[str]
    looked: int = 0
    last: _Place | None = None


def sections(query: Query, waiting: list[str]) -> list[str]:
    """The sorted sets that can hold an answer: waiting lines in order, places of parked jobs, running, then ended."""
    wanted = set(query.status)
    found: list[str] = []
    if not wanted or wanted & _WAITING:
        lines = sorted((_standing(name), name) for name in waiting if not name.startswith(_PARKED))
        found += [name for standing, name in lines if query.queue in (None, standing[0])]
        found += sorted(name for name in waiting if name.startswith(_PARKED))
    if not wanted or Status.RUNNING in wanted:
        found.append("leases")
    if not wanted or wanted & _ENDED:
        found.append("ended")
    return found


def _standing(name: str) -> tuple[str, int, int, str]:
    """Where a line comes among the others: queue, priority, kind, lane."""
    queue, priority, lane = split_line(name[2:])
    return queue, -priority, _KINDS.index(name[:2]), lane


async def find(query: Query, waiting: list[str], walk: Walk) -> Page:
    """One page; ``waiting`` names the sorted sets of jobs that wait. A job that moves between pages may be seen twice
    or not at all."""
    order = sections(query, waiting)
    start = _read_cursor(query.cursor) if query.cursor is not None else None
    if start is not None:
        order = _from(order, start.set)
    search = _Search(query, [], set(), last=start)
    for name in order:
        place = start if start is not None and start.set == name else _Place(name)
        ended = await _walk_one(search, place, walk)
        if not ended:
            full = len(search.jobs) >= query.limit
            return Page(jobs=search.jobs, cursor=_cursor(search.last), complete=full)
    return Page(jobs=search.jobs)


async def _walk_one(search: _Search, place: _Place, walk: Walk) -> bool:
    """Look along one sorted set; false when the page is full and more matches exist, or the budget is used up."""
    direction = "rev" if place.set == "ended" else ""
    while True:
        now, rows = await walk(place.set, direction, place.score, place.id, _STEP)
        for at in range(0, len(rows), 3):
            member, score, value = rows[at : at + 3]
            id = member[:_ID_BYTES]
            place = _Place(place.set, score.decode(), member)
            if value is not None and id.hex() not in search.ids:
                job = unpack_job(id, value, now)
                if matches(job, search.query):
                    if len(search.jobs) >= search.query.limit:
                        return False
                    search.jobs.append(job)
                    search.ids.add(job.id)
            if len(search.jobs) < search.query.limit or (search.jobs and search.jobs[-1].id == id.hex()):
                search.last = place
            search.looked += 1
        if len(rows) < 3 * _STEP:
            return True
        if search.looked >= BUDGET:
            return False


def _from(order: list[str], name: str) -> list[str]:
    """The sections from ``name`` on. A line that is empty by now is skipped to the place where it stood."""
    if name in order:
        return order[order.index(name) :]
    if name.startswith(_PARKED):
        return [section for section in order if section[:2] not in _KINDS and not _PARKED <= section <= name]
    if name[:2] not in _KINDS:
        return order
    stood = _standing(name)
    return [section for section in order if section[:2] not in _KINDS or _standing(section) > stood]


def _cursor(place: _Place | None) -> str | None:
    return None if place is None else base64.urlsafe_b64encode(msgspec.msgpack.encode(place)).decode()


def _read_cursor(text: str) -> _Place:
    try:
        return msgspec.msgpack.decode(base64.urlsafe_b64decode(text), type=_Place)
    except ValueError as error:
        raise ConfigError(f"cursor {text!r} is not one that this store gave out; begin without one") from error
