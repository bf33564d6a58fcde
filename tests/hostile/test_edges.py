"""Times and numbers at and beyond their edges, and clocks that lie. RELIABILITY C1 to C3 and C6."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from abaca import App, ConfigError, Ctx, Exponential, Fixed, Linear, Quadratic, Retry, Status
from abaca.backend import Backend
from abaca.backends import open_backend
from abaca.clock import ManualClock
from abaca.model import Delays, ErrorInfo, Job, Kind, Lease, NewJob, NewUpdate, RetryRule, State, Want
from abaca.policy.decide import LONGEST_BACKOFF_SECONDS, decide
from abaca.policy.outcome import Raised

HUGE = 10**5000
LEASE = Lease(worker="w", ms=60_000)
HOUR = 3600.0
YEAR_9999 = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
NO_DURATIONS = [-1, -1e-9, math.nan, math.inf, -math.inf, 9999 * 31_536_000, HUGE, -HUGE, "9" * 500 + "d", True, "1e5s"]
NO_COUNTS = [0, -1, 1.5, math.nan, math.inf, HUGE, True, "x", "9" * 5000, None]


async def nothing(n: int) -> int:
    return n


def durations() -> dict[str, Callable[[Any], object]]:
    """Every place that takes a length of time, by the name that its refusal must give."""
    task = App("memory://").task(nothing)
    app = App("memory://")
    job = task.job("0" * 32)
    return {
        "delay": lambda value: task.opts(delay=value),
        "timeout": lambda value: task.opts(timeout=value),
        "keep": lambda value: task.opts(keep=value),
        r"keep\['failed'\]": lambda value: task.opts(keep={"failed": value}),
        "wait": lambda value: task.opts(wait=value),
        "task 'nothing', timeout": lambda value: App("memory://").task(timeout=value)(nothing),
        "task 'nothing', lease": lambda value: App("memory://").task(lease=value)(nothing),
        r"App\(poll_interval=\)": lambda value: App("memory://", poll_interval=value),
        "worker lease": lambda value: app.worker(lease=value),
        "worker beat": lambda value: app.worker(beat=value),
        "worker drain": lambda value: app.worker(drain=value),
        r"Retry\(backoff=\[...\]\)": lambda value: Retry(backoff=[value]),
        "timeout: ": lambda value: asyncio.run(job.result(timeout=value)),
    }


@pytest.mark.parametrize("place", list(durations()))
@pytest.mark.parametrize("value", NO_DURATIONS, ids=range(len(NO_DURATIONS)))
def test_what_is_no_duration_is_refused_where_it_is_given(place: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=place) as refused:
        durations()[place](value)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("value", NO_COUNTS, ids=range(len(NO_COUNTS)))
def test_what_is_no_count_is_refused_where_it_is_given(value: Any) -> None:
    task = App("memory://").task(nothing)
    places: dict[str, Callable[[], object]] = {
        "worker concurrency": lambda: App("memory://").worker(concurrency=value),
        "worker weights": lambda: App("memory://").worker(queues=["a"], weights={"a": value}),
        r"App\(max_payload=\)": lambda: App("memory://", max_payload=value),
        "max_payload": lambda: App("memory://").task(name="t", max_payload=value or 0)(nothing),
        "max_attempts": lambda: Retry(max_attempts=value),
    }
    if value not in (0, None):
        places["priority"] = lambda: task.opts(priority=value if value != -1 else 101)
        places["worker process_slots"] = lambda: App("memory://").worker(process_slots=value)
    for place, give in places.items():
        with pytest.raises(ConfigError, match=place) as refused:
            give()
        assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    "value",
    [
        Fixed(delay=math.nan),
        Fixed(delay=-1),
        Fixed(delay=1e300),
        Fixed(delay=HUGE),
        Fixed(delay=None),  # type: ignore[arg-type]
        Exponential(base=math.inf),
        Exponential(base="2"),  # type: ignore[arg-type]
        Exponential(factor=-2),
        Exponential(jitter="some"),  # type: ignore[arg-type]
        Linear(step=1e300),
        Quadratic(cap=math.nan),
        Delays(seconds=(1, math.nan)),
        Delays(seconds=5),  # type: ignore[arg-type]
        "often",
        7,
    ],
    ids=range(15),
)
def test_what_is_no_back_off_is_refused_when_it_is_declared(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"Retry\(backoff="):
        Retry(backoff=value)


@pytest.mark.parametrize("seconds", [math.nan, -5.0, math.inf, 1e300])
def test_a_back_off_that_somebody_else_stored_cannot_stop_the_policy(seconds: float) -> None:
    """The rule travels with the job, so it may come from a client without our checks."""
    rule = RetryRule(max_attempts=3, backoff=Fixed(delay=seconds))
    job = Job(spec=NewJob(id="0" * 32, task="t", retry=rule), state=State.RUNNING, epoch=1)
    to = decide(job, Raised(error=ErrorInfo(type="builtins.OSError")), lambda: 0.5)
    assert to.target is State.WAITING
    assert to.delay_ms is not None
    assert 0 <= to.delay_ms <= LONGEST_BACKOFF_SECONDS * 1000


@pytest.mark.parametrize("value", [datetime(2030, 1, 1), date(2030, 1, 1), 1e9, "2030-01-01", HUGE], ids=range(5))
def test_what_is_no_instant_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError, match="run_at"):
        App("memory://").task(nothing).opts(run_at=value)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def store(store_url: str, clock: ManualClock) -> AsyncIterator[Backend]:
    backend = open_backend(store_url, clock)
    await backend.open()
    yield backend
    await backend.close()


@pytest.mark.parametrize(
    ("at", "status"),
    [
        (datetime(1, 1, 1, tzinfo=UTC), Status.QUEUED),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))), Status.QUEUED),
        (datetime(1969, 12, 31, tzinfo=UTC), Status.QUEUED),
        (datetime(2038, 1, 19, 3, 14, 8, 1, tzinfo=UTC), Status.SCHEDULED),
        (datetime(2255, 6, 6, tzinfo=UTC), Status.SCHEDULED),
        (datetime(2262, 4, 12, tzinfo=UTC), Status.SCHEDULED),
        (YEAR_9999, Status.SCHEDULED),
        (datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=14))), Status.SCHEDULED),
    ],
    ids=str,
)
async def test_a_job_may_be_due_in_any_year(store: Backend, at: datetime, status: Status) -> None:
    # Given a job due at an instant that overflows something somewhere, among two that are due now
    async with App(backend=store) as app:
        task = app.task(nothing)
        first, odd, last = [await task.opts(run_at=at if n == 1 else None).enqueue(n) for n in range(3)]
        # Then its instant is kept; lines of Redis are ordered by a double, which is coarser after the year 2255
        info = await odd.info()
        wanted = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        assert info.status == status
        assert info.spec.run_at == wanted
        assert abs(info.due_at - wanted) <= 16 or status is Status.QUEUED
        # And it neither runs before its time nor holds up the others
        got = await store.exchange([], Want(queues=("default",), slots={"async": 10}), LEASE)
        due = {first.id, last.id} | ({odd.id} if status is Status.QUEUED else set())
        assert {job.id for job in got.jobs} == due


async def test_the_longest_delay_and_the_shortest_are_kept(store: Backend, clock: ManualClock) -> None:
    async with App(backend=store) as app:
        task = app.task(nothing)
        long = await task.opts(delay=timedelta(days=3650)).enqueue(1)
        short = await task.opts(delay=5e-324).enqueue(2)
        assert (await long.info()).due_at - clock.now() == 3650 * 86_400_000_000
        assert (await short.info()).due_at - clock.now() == 1000


async def test_under_a_clock_that_strobes_no_update_is_out_of_order_and_no_run_is_double(
    store: Backend, clock: ManualClock
) -> None:
    """C3: the store's clock flips by 200 ms at every step. Order is by number, and leases never by a difference."""
    async with App(backend=store) as app:
        task = app.task(nothing)
        jobs = await app.enqueue_many(task.call(n) for n in range(20))
        flips = 0

        def flip() -> None:
            nonlocal flips
            flips += 1
            clock.advance(0.2 if flips % 2 else -0.2)

        # Given running jobs with leases of a second, under a clock that flips forth and back
        short = Lease(worker="w", ms=1000)
        held: list[Job] = []
        while len(held) < len(jobs):
            flip()
            held += (await store.exchange([], Want(queues=("default",), slots={"async": 3}), short)).jobs
        assert len({job.id for job in held}) == len(jobs)
        # When they report between the flips, and a reaper looks
        for seq in range(1, 31):
            flip()
            await store.append(
                [NewUpdate(id=job.id, epoch=job.epoch, seq=seq, kind=Kind.LOG, data=b'{"n":%d}' % seq) for job in held]
            )
            assert await store.reclaim(100, short) == []
        # Then each log is whole and in the order of the reports
        for job in held:
            history = await store.updates(job.id, 0, 100)
            assert [entry.value["n"] for entry in history.entries] == list(range(1, 31))
            assert [entry.id for entry in history.entries] == list(range(3, 33))


@pytest.mark.redis
@pytest.mark.parametrize("hours", [-1, 1], ids=["behind", "ahead"])
async def test_a_worker_whose_clock_is_an_hour_off_changes_no_lease_and_no_delay(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    # Given a client and a worker whose clock of the day is an hour off the server's
    now, now_ns = time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: now() + hours * HOUR)
    monkeypatch.setattr(time, "time_ns", lambda: now_ns() + round(hours * HOUR) * 10**9)
    async with App(redis_url) as app:
        failed_once: list[int] = []

        @app.task(retry=Retry(max_attempts=2, backoff=["300ms"]))
        async def flaky(ctx: Ctx) -> int:
            if ctx.attempt == 1:
                failed_once.append(1)
                raise OSError
            return ctx.fence

        # When a delayed job fails once and is tried again, under a lease of two seconds
        async with app.worker(concurrency=2, lease=2, beat=0.3):
            job = await flaky.opts(delay="300ms").enqueue()
            assert await job.result(timeout=30) == 2
        info = await job.info()
    # Then it ran exactly twice, not before its time, and its instants are the server's
    assert failed_once == [1]
    assert info.claimed_at is not None
    assert info.started_at is not None
    assert info.started_at - info.created_at >= 300_000
    assert info.claimed_at - info.started_at >= 300_000
    assert abs(info.created_at / 1e6 - now()) < 120
