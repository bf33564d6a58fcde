"""When a schedule is due, and which jobs its ticks make. Pure: no clock, no I/O but the zone database.

Local time follows Debian's cron: in a schedule that names its hour and minute, a tick that falls into the gap of a
change to summer time comes right after it, and one in the repeated hour comes once; wildcards follow the elapsed time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import takewhile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from cronsim import CronSim, CronSimError

from abaca.errors import ConfigError
from abaca.model import Cadence, Every, Missed, NewJob, Overlap, Schedule, Tick

ON_TIME_US = 30_000_000
"""A tick that is fired within this time is not a missed one."""
SHORTEST_EVERY_MS = 1000
_FIRST_WINDOW_US = 120_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def check_cadence(cadence: Cadence, what: str) -> None:
    """Raises ``ConfigError`` naming ``what`` for an expression, zone or distance that cannot be used."""
    if isinstance(cadence, Every):
        if cadence.ms < SHORTEST_EVERY_MS:
            raise ConfigError(f"{what}: every {cadence.ms} ms is too often; the shortest distance is 1 s")
        return
    _zone(cadence.tz, what)
    try:
        next(CronSim(cadence.expression, _EPOCH))
    except CronSimError as error:
        raise ConfigError(
            f"{what}: {cadence.expression!r} is no usable cron expression ({error}); "
            "it has five fields, or six with seconds first"
        ) from error
    except StopIteration as error:
        raise ConfigError(f"{what}: {cadence.expression!r} never fires") from error


def upcoming(cadence: Cadence, after: int) -> Iterator[int]:
    """The instants after ``after`` at which the cadence is due, without end."""
    if isinstance(cadence, Every):
        step = cadence.ms * 1000
        tick = cadence.anchor + ((after - cadence.anchor) // step + 1) * step
        while True:
            yield tick
            tick += step
    zone = _zone(cadence.tz, "schedule")
    try:
        for moment in CronSim(cadence.expression, (_EPOCH + timedelta(microseconds=after)).astimezone(zone)):
            at = (moment.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)
            if at > after:
                yield at
    except (OverflowError, ValueError):  # the end of the calendar
        return


def first_cursor(schedule: Schedule, now: int) -> int:
    """The cursor of a schedule that is new: ticks count from after it."""
    return now if schedule.starts_at is None else schedule.starts_at - 1


def due_ticks(schedule: Schedule, cursor: int, now: int) -> list[int]:
    """The ticks to fire now, in order, when the latest that was fired is ``cursor``."""
    if not schedule.enabled:
        return []
    after = max(cursor, first_cursor(schedule, cursor))
    until = now if schedule.ends_at is None else min(now, schedule.ends_at)
    most = schedule.missed_limit if schedule.missed is Missed.ALL or schedule.overlap is Overlap.QUEUE else 1
    ticks = _latest(schedule.cadence, after, until, most)
    if schedule.missed is Missed.SKIP:
        return [tick for tick in ticks if now - tick <= ON_TIME_US]
    return ticks


def next_tick(schedule: Schedule, now: int) -> int | None:
    """The first tick after ``now``, or ``None`` when there is none."""
    return next(preview(schedule, now), None)


def preview(schedule: Schedule, now: int) -> Iterator[int]:
    """The ticks to come, enabled or not."""
    ticks = upcoming(schedule.cadence, max(now, first_cursor(schedule, now)))
    return takewhile(lambda tick: schedule.ends_at is None or tick <= schedule.ends_at, ticks)


def tick_job(schedule: Schedule, at: int) -> NewJob:
    """The job of one tick: whoever makes it makes the same."""
    return msgspec.structs.replace(
        schedule.job,
        id=tick_id(schedule.id, at),
        run_at=at + _jitter_us(schedule, at),
        tick=Tick(schedule=schedule.id, at=at),
        key=f"abaca.schedule:{schedule.id}" if schedule.overlap is Overlap.SKIP else None,
        parent=f"schedule:{schedule.id}",
    )


def tick_id(schedule: str, at: int) -> str:
    """The id of a tick's job: a UUIDv7 (RFC 9562) of the tick's millisecond whose random part is a digest."""
    digest = blake2b(f"{schedule}\0{at}".encode(), digest_size=9).hexdigest()
    return f"{max(at, 0) // 1000 & 0xFFFFFFFFFFFF:012x}7{digest[:3]}8{digest[3:16]}00"


def _latest(cadence: Cadence, after: int, until: int, most: int) -> list[int]:
    """The last ``most`` ticks in (after, until], found from the end in growing windows."""
    window = _FIRST_WINDOW_US
    while True:
        start = max(after, until - window)
        ticks = list(takewhile(lambda tick: tick <= until, upcoming(cadence, start)))
        if len(ticks) >= most or start == after:
            return ticks[-most:]
        window *= 4


def _jitter_us(schedule: Schedule, at: int) -> int:
    if not schedule.jitter_ms:
        return 0
    digest = blake2b(f"{schedule.id}\0{at}\0jitter".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % (schedule.jitter_ms * 1000)


def _zone(name: str, what: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(f"{what}: {name!r} is no time zone of this machine's tz database") from error
