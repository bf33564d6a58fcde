"""Reading back what earlier runs of a job have stored."""

from __future__ import annotations

import msgspec

from abaca.backend import Backend
from abaca.model import History, Job, Kind, Update, Value
from abaca.policy.history import FIRST_STORED_ID
from abaca.port import Recalled
from abaca.worker.runs import Run

_PAGE = 200


class _Numbered(Value, frozen=True, kw_only=True):
    offset: int


_offset = msgspec.json.Decoder(_Numbered).decode


async def recall(backend: Backend, run: Run, *, steps: bool) -> Recalled:
    """The steps and the number of items; without ``steps`` only the end of the log is read.

    Raises ``RunLost`` for a log that is another run's by now.
    """
    job = run.job
    if job.epoch == 1:
        return Recalled()
    return await _whole(backend, run) if steps else await _end(backend, run)


async def _read(backend: Backend, run: Run, after: int, limit: int) -> list[Update]:
    history = await backend.updates(run.job.id, after, limit)
    if not _is_of(history, run.job):
        raise run.lose()
    return history.entries


def _is_of(history: History, job: Job) -> bool:
    return history.job is not None and history.job.epoch == job.epoch and not history.job.state.ended


async def _whole(backend: Backend, run: Run) -> Recalled:
    steps: list[tuple[bytes, int]] = []
    items = after = 0
    while True:
        page = await _read(backend, run, after, _PAGE)
        for entry in page:
            if entry.kind is Kind.STEP:
                steps.append((entry.data, entry.at))
            elif entry.kind is Kind.ITEM:
                items += 1
        if len(page) < _PAGE:
            return Recalled(entries=tuple(steps), items=items)
        after = page[-1].id


async def _end(backend: Backend, run: Run) -> Recalled:
    """The last item tells its offset. It is looked for from the end: a log may be long."""
    last = await _last_id(backend, run)
    high = last
    while high >= FIRST_STORED_ID:
        low = max(FIRST_STORED_ID - 1, high - _PAGE)
        for entry in reversed(await _read(backend, run, low, _PAGE)):
            if entry.kind is Kind.ITEM:
                return Recalled(items=_offset(entry.data).offset + 1)
        high = low
    return Recalled()


async def _last_id(backend: Backend, run: Run) -> int:
    """The highest id in the log, by doubling and halving."""
    low, step = FIRST_STORED_ID - 1, _PAGE
    while page := await _read(backend, run, low + step, 1):
        low, step = page[0].id, step * 2
    high = low + step  # nothing is above it
    while low < high:
        middle = (low + high) // 2
        page = await _read(backend, run, middle, 1)
        if page:
            low = page[0].id
        else:
            high = middle
    return low
