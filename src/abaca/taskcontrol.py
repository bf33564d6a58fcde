"""``app.task_control``: pause a task, or say how many of its jobs run at once or start in a time, while workers run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing

import msgspec

from abaca.bulk import record_pages
from abaca.changing import Changed, change_record
from abaca.checks import check_name
from abaca.client import Host
from abaca.durations import Duration
from abaca.limitspec import Limit as LimitSpec
from abaca.model import BUCKET, Limit, Record, Value, task_bucket
from abaca.sync import twin

_encode = msgspec.json.Encoder().encode


class TaskSettings(Value, frozen=True, kw_only=True):
    """What holds for all jobs of a task, over all workers; ``None`` sets no limit. See ``Limit`` for the rate."""

    paused: bool = False
    concurrency: int | None = None
    rate: int | None = None
    period_ms: int = 1000
    burst: int = 1


class _Stored(Limit, frozen=True, kw_only=True):
    """The record of the task's bucket. Stores read the limit: a paused task may run none. The rest is remembered."""

    paused: bool = False
    resumes_with: int | None = None


_decode = msgspec.json.Decoder(_Stored).decode
_NAME = task_bucket("")


class TaskControl:
    """Settings of tasks, kept in the store and judged by it at every claim: they hold for all workers at once."""

    __slots__ = ("_host",)

    def __init__(self, host: Host) -> None:
        self._host = host

    async def get(self, task: str) -> TaskSettings:
        """The settings of a task; of one that has none, the defaults."""
        id = task_bucket(check_name(task, "task name"))
        (record,) = await self._host.client().ask(lambda backend: backend.read(BUCKET, [id]))
        return _settings(record)

    async def all(self) -> dict[str, TaskSettings]:
        """Those of every task that has any, by name."""
        found: dict[str, TaskSettings] = {}
        async with aclosing(record_pages(self._host.client().ask, BUCKET, after=_NAME)) as pages:
            async for page in pages:
                found |= {one.id.removeprefix(_NAME): _settings(one) for one in page if one.id.startswith(_NAME)}
                if not page[-1].id.startswith(_NAME):
                    break
        return found

    async def pause(self, task: str) -> TaskSettings:
        """Start none of its jobs any more, in any queue. What runs goes on, and jobs can be enqueued."""
        return await self._change(task, lambda stored: msgspec.structs.replace(stored, paused=True))

    async def resume(self, task: str) -> TaskSettings:
        """Start its jobs again; workers that wait hear of it at once. Its limits are as they were."""
        return await self._change(task, lambda stored: msgspec.structs.replace(stored, paused=False))

    async def limit(
        self,
        task: str,
        concurrency: int | None = None,
        *,
        rate: int | None = None,
        period: Duration = 1.0,
        burst: int = 1,
    ) -> TaskSettings:
        """Run at most ``concurrency`` of its jobs at once, and start at most ``rate`` in each ``period``.

        This holds over all workers and beside the limits that its code declares. With neither it takes the limits away.
        Jobs that run already are counted only if they were claimed under such a limit. Raises ``ConfigError``.
        """
        wanted = TaskSettings()
        if concurrency is not None or rate is not None:
            rule = LimitSpec(concurrency=concurrency, rate=rate, period=period, burst=burst).rule(task, 1)
            wanted = TaskSettings(
                concurrency=rule.concurrency, rate=rule.rate, period_ms=rule.period_ms, burst=rule.burst
            )
        return await self._change(task, lambda stored: msgspec.structs.replace(wanted, paused=stored.paused))

    get_sync = twin(get)
    all_sync = twin(all)
    pause_sync = twin(pause)
    resume_sync = twin(resume)
    limit_sync = twin(limit)

    async def _change(self, task: str, change: Callable[[TaskSettings], TaskSettings]) -> TaskSettings:
        """What says nothing is deleted."""

        def changed(record: Record | None) -> Changed[TaskSettings]:
            settings = change(_settings(record))
            return settings, None if settings == TaskSettings() else _encode(_stored(task, settings))

        id = task_bucket(check_name(task, "task name"))
        return await change_record(self._host.client(), BUCKET, id, f"task {task!r}: its settings", changed)


def _settings(record: Record | None) -> TaskSettings:
    if record is None or record.data is None:
        return TaskSettings()
    stored = _decode(record.data)
    return TaskSettings(
        paused=stored.paused,
        concurrency=stored.resumes_with if stored.paused else stored.concurrency,
        rate=stored.rate,
        period_ms=stored.period_ms,
        burst=stored.burst,
    )


def _stored(task: str, settings: TaskSettings) -> _Stored:
    return _Stored(
        bucket=task_bucket(task),
        concurrency=0 if settings.paused else settings.concurrency,
        rate=settings.rate,
        period_ms=settings.period_ms,
        burst=settings.burst,
        paused=settings.paused,
        resumes_with=settings.concurrency if settings.paused else None,
    )
