"""The updates of a job as readers see them: its stored log, with the ends that the record itself tells.

Update 1 is ``queued``, 2 the first ``running``; stored entries count from 3, and the terminal update follows the last
of them. So a job that reports nothing has no log and yet three updates.
"""

from __future__ import annotations

import msgspec

from abaca.model import History, Job, Kind, Status, Update, Value

QUEUED_ID = 1
RUNNING_ID = 2
FIRST_STORED_ID = 3

_encode = msgspec.json.Encoder().encode


class Slice(Value, frozen=True, kw_only=True):
    """Updates in order. ``after`` is where to read on; ``ended`` says that the terminal update is behind the reader."""

    updates: tuple[Update, ...] = ()
    after: int = 0
    ended: bool = False


def read_from(after: int) -> int:
    """What to ask the store for when the reader has seen ``after``. One entry more tells whether that one is stored."""
    return max(0, after - 1)


def synthesise(history: History, after: int, limit: int) -> Slice:
    """The updates above ``after``, given the store's answer for ``read_from(after)`` and ``limit``.

    ``history.job`` must not be ``None``. A hole in the stored ids becomes one ``gap`` whose value is its length.
    """
    job = history.job
    assert job is not None
    updates = _opening(job, after)
    reached = max(after, RUNNING_ID)
    for entry in history.entries:
        if entry.id > reached:
            if entry.id > reached + 1:
                updates.append(_gap(entry.id - 1, entry.id - 1 - reached, entry.at))
            updates.append(entry)
            reached = entry.id
    whole = len(history.entries) < limit
    if not (whole and job.state.ended):
        return Slice(updates=tuple(updates), after=updates[-1].id if updates else after)
    if _behind(history, after):
        return Slice(after=after, ended=True)
    terminal = _status(reached + 1, job.status, job.ended_at or 0, job.attempts)
    return Slice(updates=(*updates, terminal), after=terminal.id, ended=True)


def _opening(job: Job, after: int) -> list[Update]:
    if job.purged:
        return []
    opening: list[Update] = []
    if after < QUEUED_ID:
        opening.append(_status(QUEUED_ID, Status.QUEUED, job.created_at, 0))
    if after < RUNNING_ID and job.started_at is not None:
        opening.append(_status(RUNNING_ID, Status.RUNNING, job.started_at, 1))
    return opening


def _behind(history: History, after: int) -> bool:
    """Whether ``after`` is the terminal update itself: nothing stored there, and nothing above it.

    Of a tombstone nobody can tell, so its end is told again.
    """
    if after < FIRST_STORED_ID or (history.job is not None and history.job.purged):
        return False
    return not history.entries and not history.dropped


def _status(id: int, status: Status, at: int, attempt: int) -> Update:
    return Update(id=id, kind=Kind.STATUS, at=at, attempt=attempt, data=_encode(status))


def _gap(id: int, length: int, at: int) -> Update:
    return Update(id=id, kind=Kind.GAP, at=at, data=_encode(length))
