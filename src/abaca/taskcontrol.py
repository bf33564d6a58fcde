"""``app.task_control``: pause a task, or say how many of its jobs run at once or start in a time, while workers run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from abaca.backend import MAX_BATCH, Backend
from abaca.checks import check_name
from abaca.client import Host
from abaca.durations import Duration
from abaca.errors import ConfigError
from abaca.limitspec import Limit as LimitSpec
from abaca.model import BUCKET, Limit, Record, Value, Verdict, task_bucket
from abaca.sync import twin

_MOST_ROUNDS = 20
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
        return _settings(await self._record(check_name(task, "task name")))

    async def all(self) -> dict[str, TaskSettings]:
        """Those of every task that has any, by name."""
        found: dict[str, TaskSettings] = {}
        after = _NAME
        while page := await self._host.client().ask(partial(_scan, after)):
            for record in page:
                if not record.id.startswith(_NAME):
                    return found
                found[record.id.removeprefix(_NAME)] = _settings(record)
            after = page[-1].id
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

    async def _record(self, task: str) -> Record | None:
        return (await self._host.client().ask(partial(_read, task_bucket(task))))[0]

    async def _change(self, task: str, change: Callable[[TaskSettings], TaskSettings]) -> TaskSettings:
        """Compare-and-set until nobody was faster. What says nothing is deleted."""
        check_name(task, "task name")
        for _ in range(_MOST_ROUNDS):
            record = await self._record(task)
            changed = change(_settings(record))
            written = Record(
                kind=BUCKET,
                id=task_bucket(task),
                data=None if changed == TaskSettings() else _encode(_stored(task, changed)),
                version=0 if record is None else record.version,
            )
            if record is None and written.data is None:
                return changed
            if await self._host.client().ask(partial(_put, written)) == [Verdict.APPLIED]:
                return changed
        raise ConfigError(f"task {task!r}: its settings changed {_MOST_ROUNDS} times while they were to be changed")


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


async def _read(bucket: str, backend: Backend) -> list[Record | None]:
    return await backend.read(BUCKET, [bucket])


async def _scan(after: str, backend: Backend) -> list[Record]:
    return await backend.scan(BUCKET, after, MAX_BATCH)


async def _put(record: Record, backend: Backend) -> list[Verdict]:
    return await backend.put([record])
