"""When schedules are due: over every change of the clocks, and over what was missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abaca.errors import ConfigError
from abaca.model import Cron, Every, Missed, NewJob, Overlap, Schedule
from abaca.policy.cron import check_cadence, due_ticks, next_tick, preview, tick_id, tick_job, upcoming

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
HOURS = (0, 1, 2, 3, 4, 12, 23)
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kolkata")


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1_000_000)


def local(instant: int, zone: str) -> datetime:
    return datetime.fromtimestamp(instant / 1_000_000, UTC).astimezone(ZoneInfo(zone))


@cache
def jumps(zone: str, first: int = 2024, years: int = 10) -> list[tuple[int, timedelta]]:
    """Every hour within which the zone's offset changes, and by how much."""
    found = []
    instant, end = at(f"{first}-01-01T00:00:00+00:00"), at(f"{first + years}-01-01T00:00:00+00:00")
    before = offset(instant, zone)
    while instant < end:
        after = offset(instant + HOUR, zone)
        if after != before:
            found.append((instant, after - before))
        instant, before = instant + HOUR, after
    return found


def offset(instant: int, zone: str) -> timedelta:
    return local(instant, zone).utcoffset() or timedelta()


def schedule(every: int | None = None, cron: str = "* * * * *", tz: str = "UTC", **fields: object) -> Schedule:
    cadence = Every(ms=every) if every is not None else Cron(expression=cron, tz=tz)
    return Schedule(id="s", cadence=cadence, job=NewJob(id="", task="t"), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("zone", ZONES)
def test_a_daily_time_comes_once_a_day_over_every_change_of_the_clocks(zone: str) -> None:
    for instant, _ in [*jumps(zone), (at("2026-06-01T00:00:00+00:00"), timedelta())]:
        for hour in HOURS:
            for minute in (0, 30):
                # Given a schedule for a time of day, and the days around a change of the clocks
                cadence = Cron(expression=f"{minute} {hour} * * *", tz=zone)
                # When its ticks are asked for
                ticks = list(islice(upcoming(cadence, instant - 3 * DAY), 6))
                days = [local(tick, zone).date() for tick in ticks]
                # Then there is one for each day in turn
                assert [(later - earlier).days for earlier, later in pairwise(days)] == [1] * 5


@pytest.mark.parametrize("zone", ZONES)
def test_a_daily_time_is_that_time_wherever_the_day_has_it(zone: str) -> None:
    for instant, change in jumps(zone):
        for hour in HOURS:
            # Given a schedule for an hour, and a change of the clocks
            cadence = Cron(expression=f"30 {hour} * * *", tz=zone)
            # When its ticks are asked for
            for tick in islice(upcoming(cadence, instant - 2 * DAY), 5):
                moment = local(tick, zone)
                # Then each is at that time, or, where the clocks skip it, right after the gap
                if (moment.hour, moment.minute) != (hour, 30):
                    assert change > timedelta()
                    assert instant <= tick <= instant + HOUR


@pytest.mark.parametrize("zone", ZONES)
def test_every_five_minutes_goes_on_by_elapsed_time_over_every_change(zone: str) -> None:
    for instant, _ in jumps(zone):
        # Given a schedule of wildcards
        ticks = list(islice(upcoming(Cron(expression="*/5 * * * *", tz=zone), instant - 2 * HOUR), 60))
        # Then no tick is left out or doubled
        assert {later - earlier for earlier, later in pairwise(ticks)} == {5 * MINUTE}


@given(st.integers(0, 4_000_000_000), st.integers(0, 10 * DAY), st.sampled_from(ZONES))
def test_ticks_do_not_depend_on_where_the_search_begins(start: int, further: int, zone: str) -> None:
    # Given a cadence and two places to begin at
    cadence = Cron(expression="15 1,2,3 * * *", tz=zone)
    begin = start * 1_000_000
    # When ticks are asked for from both
    early = [tick for tick in islice(upcoming(cadence, begin), 60) if tick > begin + further]
    late = list(islice(upcoming(cadence, begin + further), len(early)))
    # Then they agree
    assert early == late


def test_leap_days_and_last_days_of_months() -> None:
    leap = Cron(expression="0 12 29 2 *")
    last = Cron(expression="0 12 L * *")
    begin = at("2026-01-01T00:00:00+00:00")
    assert [local(tick, "UTC").year for tick in islice(upcoming(leap, begin), 2)] == [2028, 2032]
    assert [local(tick, "UTC").day for tick in islice(upcoming(last, begin), 3)] == [31, 28, 31]


@pytest.mark.parametrize("expression", ["", "* * * *", "61 * * * *", "a b c d e", "0 0 31 2 *", "* * * * * * *"])
def test_an_expression_that_is_wrong_or_never_fires_is_refused_by_name(expression: str) -> None:
    with pytest.raises(ConfigError, match="schedule 'x'"):
        check_cadence(Cron(expression=expression), "schedule 'x'")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "/etc/localtime"])
def test_an_unknown_time_zone_is_refused_by_name(zone: str) -> None:
    with pytest.raises(ConfigError, match="time zone"):
        check_cadence(Cron(expression="* * * * *", tz=zone), "schedule 'x'")


def test_every_counts_from_its_anchor() -> None:
    ticks = list(islice(upcoming(Every(ms=60_000, anchor=10), 0), 2))
    assert ticks == [10, 10 + MINUTE]
    assert next(upcoming(Every(ms=60_000, anchor=10), 10)) == 10 + MINUTE
    assert next(upcoming(Every(ms=60_000, anchor=10 * MINUTE), 0)) == MINUTE


@pytest.mark.parametrize(
    ("missed", "expected"),
    [(Missed.SKIP, []), (Missed.ONCE, [9]), (Missed.ALL, [7, 8, 9])],
)
def test_what_was_missed_is_made_up_for_as_the_policy_says(missed: Missed, expected: list[int]) -> None:
    # Given a schedule of every minute whose last tick was fired nine minutes ago
    it = schedule(60_000, missed=missed, missed_limit=3)
    # When somebody looks 40 seconds after the ninth
    ticks = due_ticks(it, 0, 9 * MINUTE + 40_000_000)
    # Then those ticks are due
    assert ticks == [number * MINUTE for number in expected]


def test_a_tick_that_is_on_time_is_fired_under_every_policy() -> None:
    for missed in Missed:
        assert due_ticks(schedule(60_000, missed=missed), 0, MINUTE + 1) == [MINUTE]


def test_a_tick_is_due_at_its_instant_and_not_before() -> None:
    it = schedule(60_000)
    assert due_ticks(it, 0, MINUTE - 1) == []
    assert due_ticks(it, 0, MINUTE) == [MINUTE]
    assert due_ticks(it, MINUTE, 2 * MINUTE - 1) == []


def test_a_long_outage_of_a_busy_schedule_costs_little() -> None:
    # Given a schedule of every second and a cursor ten years back
    it = schedule(None, cron="* * * * * *", missed=Missed.ALL, missed_limit=5)
    now = at("2026-01-01T00:00:00+00:00")
    # When the due ticks are asked for
    ticks = due_ticks(it, now - 3650 * DAY, now)
    # Then they are the latest
    assert ticks == [now - back * 1_000_000 for back in (4, 3, 2, 1, 0)]


def test_start_and_end_bound_the_ticks() -> None:
    it = schedule(60_000, missed=Missed.ALL, starts_at=3 * MINUTE, ends_at=5 * MINUTE)
    assert due_ticks(it, 0, 9 * MINUTE) == [3 * MINUTE, 4 * MINUTE, 5 * MINUTE]
    assert list(preview(it, 0)) == [3 * MINUTE, 4 * MINUTE, 5 * MINUTE]
    assert next_tick(it, 5 * MINUTE) is None


def test_a_disabled_schedule_is_never_due() -> None:
    assert due_ticks(schedule(60_000, enabled=False), 0, HOUR) == []


def test_whoever_makes_a_tick_s_job_makes_the_same() -> None:
    it = schedule(60_000, jitter_ms=5000, overlap=Overlap.SKIP)
    job = tick_job(it, MINUTE)
    assert job == tick_job(it, MINUTE)
    assert job.id != tick_job(it, 2 * MINUTE).id
    assert job.run_at is not None
    assert MINUTE <= job.run_at < MINUTE + 5_000_000
    assert job.key is not None


@given(st.text(max_size=20), st.integers(0, 1 << 52))
def test_the_id_of_a_tick_is_a_uuid_of_version_7_in_partition_0(name: str, instant: int) -> None:
    id = tick_id(name, instant)
    assert len(id) == 32
    assert (id[12], id[16], id[-2:]) == ("7", "8", "00")
    assert int(id[:12], 16) == instant // 1000 & 0xFFFFFFFFFFFF
