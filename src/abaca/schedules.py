"""``app.schedules``: jobs that are made again and again, by a cron expression or at a fixed distance."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Any, Literal, TypedDict, TypeVar, Unpack

import msgspec

from abaca.backend import Backend
from abaca.bulk import all_records
from abaca.changing import Changed, change_record
from abaca.checks import check_name, instant, positive
from abaca.client import Client, Host
from abaca.codec import new_id
from abaca.durations import Duration, parse_duration
from abaca.errors import ConfigError, ScheduleNotFound, TaskDeclarationError
from abaca.handle import UNTYPED, JobHandle
from abaca.model import (
    CURSOR,
    SCHEDULE,
    Cadence,
    Cron,
    Every,
    Inserted,
    Missed,
    NewJob,
    Overlap,
    Page,
    Query,
    Record,
    Schedule,
    Verdict,
)
from abaca.patience import refusal
from abaca.policy.cron import check_cadence, first_cursor, preview
from abaca.sync import twin
from abaca.tasks import Call, Task

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

MissedPolicy = Literal["skip", "once", "all"]
OverlapPolicy = Literal["allow", "skip", "queue"]

MAX_MISSED = 10_000
_MOST_ROUNDS = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Schedule).decode


def cadence_of(cron: str | None, every: Duration | None, tz: str, what: str) -> Cadence:
    """Raises ``ConfigError`` unless exactly one of ``cron`` and ``every`` is given and can be used."""
    if (cron is None) == (every is None):
        raise ConfigError(f"{what}: give either cron= or every=")
    cadence: Cadence = (
        Cron(expression=cron, tz=tz) if cron is not None else Every(ms=positive(every or 0, f"{what}, every"))
    )
    check_cadence(cadence, what)
    return cadence


def make_schedule(
    id: str,
    job: NewJob,
    *,
    cron: str | None = None,
    every: Duration | None = None,
    tz: str = "UTC",
    missed: MissedPolicy = "once",
    missed_limit: int = 100,
    overlap: OverlapPolicy = "allow",
    jitter: Duration = 0,
    start: datetime | None = None,
    end: datetime | None = None,
    description: str = "",
    declared_by: str | None = None,
) -> Schedule:
    """A checked schedule. Raises ``ConfigError`` naming the schedule and the option."""
    what = f"schedule {check_name(id, 'schedule name')!r}"
    if not 1 <= missed_limit <= MAX_MISSED:
        raise ConfigError(f"{what}, missed_limit: {missed_limit!r} is not usable; give 1 to {MAX_MISSED:,}")
    if start is not None and end is not None and end < start:
        raise ConfigError(f"{what}: its end is before its start, so it never fires")
    _check_job(job, what)
    cadence = cadence_of(cron, every, tz, what)
    starts_at = None if start is None else instant(start, f"{what}, start")
    if isinstance(cadence, Every) and starts_at is not None:
        cadence = msgspec.structs.replace(cadence, anchor=starts_at)
    return Schedule(
        id=id,
        cadence=cadence,
        job=msgspec.structs.replace(job, id=""),
        missed=_one_of(Missed, missed, f"{what}, missed"),
        missed_limit=missed_limit,
        overlap=_one_of(Overlap, overlap, f"{what}, overlap"),
        jitter_ms=parse_duration(jitter, f"{what}, jitter"),
        starts_at=starts_at,
        ends_at=None if end is None else instant(end, f"{what}, end"),
        description=description,
        declared_by=declared_by,
    )


async def _declare_one(backend: Backend, schedule: Schedule, present: Record | None) -> bool:
    if present is None or present.data is None:
        return await _create(backend, schedule) is Verdict.APPLIED
    stored = _decode(present.data)
    wanted = msgspec.structs.replace(schedule, enabled=stored.enabled)
    if wanted == stored:
        return True
    record = Record(kind=SCHEDULE, id=schedule.id, data=_encode(wanted), version=present.version)
    return (await backend.put([record]))[0] is Verdict.APPLIED


async def _create(backend: Backend, schedule: Schedule) -> Verdict:
    now = (await backend.stats()).seen_at
    record = Record(kind=SCHEDULE, id=schedule.id, data=_encode(schedule))
    cursor = Record(kind=CURSOR, id=schedule.id, data=b"%d" % first_cursor(schedule, now))
    return (await backend.put([record, cursor]))[0]


class ScheduleOptions(TypedDict, total=False):
    """The options of ``App.cron`` and ``App.every``; their meaning is that of ``Schedules.create``."""

    missed: MissedPolicy
    missed_limit: int
    overlap: OverlapPolicy
    jitter: Duration
    start: datetime | None
    end: datetime | None
    description: str


class Declared:
    """The schedules that an application's code declares."""

    def __init__(self, app: str) -> None:
        self._app = app
        self._made: dict[str, Schedule] = {}

    def add(
        self,
        name: str,
        task: Task[..., Any],
        *,
        cron: str | None = None,
        every: Duration | None = None,
        tz: str = "UTC",
        **options: Unpack[ScheduleOptions],
    ) -> None:
        """Raises ``ConfigError`` for an option, ``TaskDeclarationError`` for a task that cannot be called without
        arguments or a name that is taken."""
        missing = task.required_arguments()
        if missing:
            raise TaskDeclarationError(
                f"task {task.name!r} cannot be declared with a schedule: {missing[0]!r} has no default, and a tick "
                "gives no arguments; use app.schedules.create with a call"
            )
        if name in self._made:
            raise TaskDeclarationError(f"the schedule name {name!r} is taken in this app; give another with name=")
        job = NewJob(id="", task=task.name, **task.options.job_fields)
        schedule = make_schedule(name, job, cron=cron, every=every, tz=tz, declared_by=self._app, **options)
        self._made[name] = schedule

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._made))

    async def tell(self, backend: Backend) -> None:
        """Store what is declared. A record that is there keeps whether it is enabled, and its cursor."""
        for schedule in self._made.values():
            for _ in range(_MOST_ROUNDS):
                (present,) = await backend.read(SCHEDULE, [schedule.id])
                if await _declare_one(backend, schedule, present):
                    break


class Schedules:
    """Schedules in the store. Every worker fires them; each tick makes one job. Changes are seen within 5 seconds."""

    __slots__ = ("_host",)

    def __init__(self, host: Host) -> None:
        self._host = host

    async def create(
        self,
        id: str,
        call: Call[Any] | NewJob,
        *,
        cron: str | None = None,
        every: Duration | None = None,
        tz: str = "UTC",
        missed: MissedPolicy = "once",
        missed_limit: int = 100,
        overlap: OverlapPolicy = "allow",
        jitter: Duration = 0,
        start: datetime | None = None,
        end: datetime | None = None,
        description: str = "",
    ) -> Schedule:
        """Store a new schedule whose ticks make ``call``: ``app.schedules.create("x", render.call(doc), every="5m")``.

        ``cron`` has five fields, or six with seconds first, in the local time of ``tz``; ``every`` is a distance of at
        least a second, counted from ``start`` or else from 1970. ``missed``: of the ticks at which no worker was there
        none is made up for (``"skip"``), the latest (``"once"``), or the latest ``missed_limit`` (``"all"``).
        ``overlap``: while the job of an earlier tick lives, the next runs beside it (``"allow"``), is left out
        (``"skip"``) or waits for its end (``"queue"``). ``jitter``: each job is due up to that long after its tick.
        Raises ``ConfigError`` for what cannot be used, also for an ``id`` that is taken.
        """
        schedule = make_schedule(
            id,
            _job_of(call),
            cron=cron,
            every=every,
            tz=tz,
            missed=missed,
            missed_limit=missed_limit,
            overlap=overlap,
            jitter=jitter,
            start=start,
            end=end,
            description=description,
        )
        if await self._ask(lambda backend: _create(backend, schedule)) is not Verdict.APPLIED:
            raise ConfigError(f"schedule {id!r} is there already; change it, or delete it first")
        return schedule

    async def get(self, id: str) -> Schedule:
        """Raises ``ScheduleNotFound``."""
        return _decode((await self._record(id)).data or b"")

    async def all(self) -> list[Schedule]:
        """All schedules, by id."""
        return [_decode(record.data or b"") for record in await all_records(self._client().ask, SCHEDULE)]

    async def change(
        self,
        id: str,
        *,
        call: Call[Any] | NewJob | None = None,
        cron: str | None = None,
        every: Duration | None = None,
        tz: str = "UTC",
        missed: MissedPolicy | None = None,
        overlap: OverlapPolicy | None = None,
        jitter: Duration | None = None,
        description: str | None = None,
    ) -> Schedule:
        """Change what is given and leave the rest; ticks that were fired stay. Raises ``ScheduleNotFound``."""
        what = f"schedule {id!r}"
        fields: dict[str, Any] = {
            "job": None if call is None else msgspec.structs.replace(_checked(call, what), id=""),
            "cadence": None if cron is None and every is None else cadence_of(cron, every, tz, what),
            "missed": None if missed is None else _one_of(Missed, missed, f"{what}, missed"),
            "overlap": None if overlap is None else _one_of(Overlap, overlap, f"{what}, overlap"),
            "jitter_ms": None if jitter is None else parse_duration(jitter, f"{what}, jitter"),
            "description": description,
        }
        given = {name: value for name, value in fields.items() if value is not None}
        return await self._update(id, lambda stored: msgspec.structs.replace(stored, **given))

    async def enable(self, id: str) -> Schedule:
        """Fire again. What was missed while it was disabled is made up for as ``missed`` says."""
        return await self._update(id, lambda stored: msgspec.structs.replace(stored, enabled=True))

    async def disable(self, id: str) -> Schedule:
        """Fire no more. Jobs that ticks have made already are left alone."""
        return await self._update(id, lambda stored: msgspec.structs.replace(stored, enabled=False))

    async def delete(self, id: str) -> None:
        """Remove it. Its jobs stay. A schedule that code declares comes back when a worker of that code starts."""
        for _ in range(_MOST_ROUNDS):
            (record,) = await self._ask(lambda backend: backend.read(SCHEDULE, [id]))
            (cursor,) = await self._ask(lambda backend: backend.read(CURSOR, [id]))
            present = [msgspec.structs.replace(found, data=None) for found in (cursor, record) if found is not None]
            if await self._put(present):
                return

    async def run_now(self, id: str) -> JobHandle[Any]:
        """Make one job of the schedule at once, beside its ticks. Raises ``ScheduleNotFound``, ``EnqueueRefused``."""
        job = msgspec.structs.replace((await self.get(id)).job, id=new_id(), parent=f"schedule:{id}")
        receipt = await self._client().insert(job)
        if receipt.again:
            receipt = await self._client().insist(job, receipt, None)
        if receipt.outcome is Inserted.REFUSED:
            raise refusal(job, receipt)
        return JobHandle(self._host, receipt.id, UNTYPED)

    async def preview(self, id: str, count: int = 5) -> list[datetime]:
        """The next ``count`` ticks in UTC, whether it is enabled or not."""
        return await self.ticks(await self.get(id), count)

    async def ticks(self, schedule: Schedule, count: int = 5) -> list[datetime]:
        """The next ``count`` ticks of a schedule, stored or not, in UTC."""
        now = (await self._ask(lambda backend: backend.stats())).seen_at
        return [_EPOCH + timedelta(microseconds=tick) for tick in islice(preview(schedule, now), count)]

    async def runs(self, id: str, cursor: str | None = None, limit: int = 50) -> Page:
        """The jobs that the schedule has made, as long as they are kept."""
        query = Query(parent=f"schedule:{id}", cursor=cursor, limit=limit)
        return await self._ask(lambda backend: backend.find(query))

    create_sync = twin(create)
    get_sync = twin(get)
    all_sync = twin(all)
    change_sync = twin(change)
    enable_sync = twin(enable)
    disable_sync = twin(disable)
    delete_sync = twin(delete)
    run_now_sync = twin(run_now)
    ticks_sync = twin(ticks)
    preview_sync = twin(preview)
    runs_sync = twin(runs)

    def _client(self) -> Client:
        return self._host.client()

    async def _ask(self, verb: Callable[[Backend], Awaitable[T]]) -> T:
        return await self._client().ask(verb)

    async def _record(self, id: str) -> Record:
        (record,) = await self._ask(lambda backend: backend.read(SCHEDULE, [id]))
        return _present(record, id)

    async def _put(self, records: list[Record]) -> bool:
        """Whether all of them were as expected."""
        return set(await self._ask(lambda backend: backend.put(records))) <= {Verdict.APPLIED}

    async def _update(self, id: str, change: Callable[[Schedule], Schedule]) -> Schedule:
        def changed(record: Record | None) -> Changed[Schedule]:
            schedule = change(_decode(_present(record, id).data or b""))
            return schedule, _encode(schedule)

        return await change_record(self._host.client(), SCHEDULE, id, f"schedule {id!r}", changed)


def _present(record: Record | None, id: str) -> Record:
    if record is None:
        raise ScheduleNotFound(f"there is no schedule {id!r}; `abaca schedules` lists them")
    return record


def _checked(call: Call[Any] | NewJob, what: str) -> NewJob:
    job = _job_of(call)
    _check_job(job, what)
    return job


def _check_job(job: NewJob, what: str) -> None:
    if job.start_within_ms is not None:
        raise ConfigError(f"{what}: task {job.task!r} has start_within=, which goes with no time, and each tick is one")
    if job.after:
        raise ConfigError(f"{what}: its job has after=, and would wait for the same jobs at each tick")


def _job_of(call: Call[Any] | NewJob) -> NewJob:
    return call if isinstance(call, NewJob) else call.job


def _one_of(kind: type[E], value: str, what: str) -> E:
    try:
        return kind(value)
    except ValueError:
        names = ", ".join(repr(member.value) for member in kind)
        raise ConfigError(f"{what}: {value!r} is not usable; give one of {names}") from None
