"""``app.queues``: pause a queue, say how many of its jobs run at once and whose turn it is, empty it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from abaca.backend import MAX_BATCH, Backend
from abaca.bulk import all_records
from abaca.changing import Changed, change_record
from abaca.checks import check_name, check_text
from abaca.client import Host
from abaca.durations import Duration, parse_duration
from abaca.errors import ConfigError
from abaca.model import MOST_WEIGHT, QUEUE, Amended, Change, Job, Overflow, Page, Query, QueueSettings, Record, Status
from abaca.sync import twin
from abaca.text import shown

MOST_AT_ONCE = 1_000_000_000
MOST_TENANTS = 1_000
"""How many tenants of one queue may have a weight: all of them stand in one record, which every claim reads."""
OnFull = Overflow | Literal["reject", "wait", "shed-lowest"]
_OVERFLOWS = "'reject', 'wait' or 'shed-lowest'"
_WAITING = (Status.QUEUED, Status.SCHEDULED, Status.RETRYING, Status.BLOCKED)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(QueueSettings).decode


class Queues:
    """Settings of queues, kept in the store and judged by it at every claim: they hold for all workers at once."""

    __slots__ = ("_host",)

    def __init__(self, host: Host) -> None:
        self._host = host

    async def get(self, name: str) -> QueueSettings:
        """The settings of a queue; of one that has none, the defaults."""
        (record,) = await self._host.client().ask(lambda backend: backend.read(QUEUE, [check_name(name, "queue")]))
        return _settings(record)

    async def all(self) -> dict[str, QueueSettings]:
        """Those of every queue that has any, by name."""
        return {record.id: _settings(record) for record in await all_records(self._host.client().ask, QUEUE)}

    async def pause(self, name: str) -> QueueSettings:
        """Claim nothing from it any more. What runs goes on, and jobs can be enqueued."""
        return await self._change(name, lambda stored: msgspec.structs.replace(stored, paused=True))

    async def resume(self, name: str) -> QueueSettings:
        """Claim from it again; workers that wait hear of it at once."""
        return await self._change(name, lambda stored: msgspec.structs.replace(stored, paused=False))

    async def limit(self, name: str, concurrency: int | None) -> QueueSettings:
        """Run at most so many of its jobs at once, over all workers; ``None`` takes the limit away.

        Jobs that run already are counted only if they were claimed under such a limit. Raises ``ConfigError``.
        """
        _check(name, "concurrency", concurrency)
        return await self._change(name, lambda stored: msgspec.structs.replace(stored, concurrency=concurrency))

    async def limit_length(self, name: str, max_length: int | None) -> QueueSettings:
        """Let at most so many jobs wait in it; enqueuing more raises ``QueueFull``. ``None`` takes the limit away.

        Retries, requeues and follow-ups of other jobs come in all the same. Raises ``ConfigError``.
        """
        return await self.bound(name, max_length=max_length)

    async def limit_wait(self, name: str, max_wait: Duration | None) -> QueueSettings:
        """Take new jobs only while one would wait no longer than that, by the measured pace of claims.

        Beyond it enqueuing raises ``QueueFull``, as with ``limit_length``. ``None`` takes the limit away. Raises
        ``ConfigError``.
        """
        return await self.bound(name, max_wait=max_wait)

    async def overflow(self, name: str, how: OnFull) -> QueueSettings:
        """Say what becomes of a new job when the queue is full.

        ``"reject"``: ``QueueFull`` at once. ``"wait"``: whoever enqueues waits for room, as long as
        ``opts(enqueue_timeout=)`` says. ``"shed-lowest"``: a waiting job of a lower priority that has not begun is
        cancelled in its favour; where there is none, ``QueueFull``. Raises ``ConfigError``.
        """
        return await self.bound(name, overflow=how)

    async def bound(
        self,
        name: str,
        *,
        max_length: int | UnsetType | None = UNSET,
        max_wait: Duration | UnsetType | None = UNSET,
        overflow: OnFull | UnsetType = UNSET,
    ) -> QueueSettings:
        """``limit_length``, ``limit_wait`` and ``overflow`` in one change; what is not given stays."""
        fields: dict[str, int | Overflow | None] = {}
        if max_length is not UNSET:
            _check(name, "max_length", max_length)
            fields["max_length"] = max_length
        if max_wait is not UNSET:
            what = f"queue {name!r}, max_wait"
            fields["max_wait_ms"] = None if max_wait is None else parse_duration(max_wait, what)
        if overflow is not UNSET:
            if overflow not in list(Overflow):
                raise ConfigError(f"queue {name!r}, overflow: {shown(overflow)} is not usable; give {_OVERFLOWS}")
            fields["overflow"] = Overflow(overflow)

        def change(stored: QueueSettings) -> QueueSettings:
            settings = msgspec.structs.replace(stored, **fields)
            _check_bounds(name, settings)
            return settings

        return await self._change(name, change)

    async def weigh(self, name: str, weights: Mapping[str, int]) -> QueueSettings:
        """Say how many claims these tenants get in their turn, 1 to 1000; 1 where nothing is said. Others stay.

        A weight of 1 is forgotten. Raises ``ConfigError``.
        """
        for tenant, weight in weights.items():
            check_text(tenant, f"queue {name!r}, tenant", 128)
            if type(weight) is not int or not 1 <= weight <= MOST_WEIGHT:
                raise ConfigError(
                    f"queue {name!r}, weight of tenant {tenant!r}: {weight!r} is not usable; give 1 to {MOST_WEIGHT:,}"
                )

        def change(stored: QueueSettings) -> QueueSettings:
            changed = {tenant: weight for tenant, weight in {**stored.weights, **weights}.items() if weight != 1}
            if len(changed) > MOST_TENANTS:
                raise ConfigError(
                    f"queue {name!r}, weights: {len(changed):,} tenants, and {MOST_TENANTS:,} may have one"
                )
            return msgspec.structs.replace(stored, weights=changed)

        return await self._change(name, change)

    async def age(self, name: str, aging: bool = True) -> QueueSettings:
        """Give one claim in sixteen to the job that has been due longest, so that no priority starves."""
        return await self._change(name, lambda stored: msgspec.structs.replace(stored, aging=bool(aging)))

    async def purge(self, name: str) -> int:
        """Delete the jobs that wait in it, those of later too; answers how many. Running and ended jobs stay."""
        check_name(name, "queue")
        deleted = 0
        while jobs := await self._some_waiting(name):
            changes = [Change(id=job.id, revision=job.revision, delete=True) for job in jobs]
            answers = await self._host.client().ask(partial(_amend, changes))
            done = answers.count(Amended.APPLIED)
            deleted += done
            if not done:  # all of them were claimed or changed meanwhile
                await asyncio.sleep(0.05)
        return deleted

    async def wait_empty(self, name: str, timeout: float | None = None) -> bool:
        """Wait until nothing waits in it; answers ``False`` when ``timeout`` seconds were over first."""
        check_name(name, "queue")
        try:
            async with asyncio.timeout(timeout):
                while await self._some_waiting(name, limit=1):  # noqa: ASYNC110 - other processes empty it
                    await asyncio.sleep(self._host.client().poll_interval)
        except TimeoutError:
            return False
        return True

    get_sync = twin(get)
    all_sync = twin(all)
    pause_sync = twin(pause)
    resume_sync = twin(resume)
    limit_sync = twin(limit)
    limit_length_sync = twin(limit_length)
    limit_wait_sync = twin(limit_wait)
    overflow_sync = twin(overflow)
    bound_sync = twin(bound)
    weigh_sync = twin(weigh)
    age_sync = twin(age)
    purge_sync = twin(purge)
    wait_empty_sync = twin(wait_empty)

    async def _some_waiting(self, name: str, limit: int = MAX_BATCH) -> list[Job]:
        query = Query(queue=name, status=_WAITING, limit=limit)
        while True:
            page = await self._host.client().ask(partial(_find, query))
            if page.jobs or page.cursor is None:
                return page.jobs
            query = msgspec.structs.replace(query, cursor=page.cursor)

    async def _change(self, name: str, change: Callable[[QueueSettings], QueueSettings]) -> QueueSettings:
        def changed(record: Record | None) -> Changed[QueueSettings]:
            settings = change(_settings(record))
            return settings, _encode(settings)

        return await change_record(self._host.client(), QUEUE, check_name(name, "queue"), f"queue {name!r}", changed)


def _settings(record: Record | None) -> QueueSettings:
    return QueueSettings() if record is None else _decode(record.data or b"{}")


def _check_bounds(name: str, settings: QueueSettings) -> None:
    """Refuse settings that do not go together."""
    if settings.overflow is Overflow.REJECT:
        return
    what = f"queue {name!r}, overflow {settings.overflow.value!r}"
    if not settings.bounded:
        raise ConfigError(
            f"{what}: without max_length and max_wait it is never full. Set one of them first; to take the last one "
            "away, set overflow to 'reject' before"
        )
    if settings.max_length == 0:
        raise ConfigError(f"{what}: with max_length 0 there is never room, and no job to make any; use 'reject'")


def _check(name: str, what: str, value: int | None) -> None:
    if value is not None and (type(value) is not int or not 0 <= value <= MOST_AT_ONCE):
        raise ConfigError(f"queue {name!r}, {what}: {value!r} is not usable; give 0 to {MOST_AT_ONCE:,}, or None")


async def _amend(changes: list[Change], backend: Backend) -> list[Amended]:
    return await backend.amend(changes)


async def _find(query: Query, backend: Backend) -> Page:
    return await backend.find(query)
