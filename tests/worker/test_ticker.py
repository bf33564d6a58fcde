"""Schedules as workers fire them, by a clock that the test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from abaca import App, ConfigError, ScheduleNotFound, TaskDeclarationError
from abaca.backends.memory import MemoryBackend
from abaca.clock import ManualClock
from abaca.model import SCHEDULE, Job, Lease, Record, State, Want
from abaca.worker.ticker import Ticker

LEASE = Lease(worker="w", ms=15_000)


class Ground:
    """An app on a memory store, and as many tickers as a test wants, all on one manual clock."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryBackend(self.clock)
        self.app = App(backend=self.store)
        self.report = self.app.task(report)

    def ticker(self, *declared: str) -> Ticker:
        return Ticker(self.store, lambda: declared, monotonic=lambda: self.clock.now() / 1e6)

    async def claim(self) -> list[Job]:
        answer = await self.store.exchange([], Want(queues=("default",), slots={"async": 1000}), LEASE)
        return answer.jobs


async def report(day: str = "today") -> str:
    return day


@pytest.fixture
def ground() -> Ground:
    return Ground()


async def test_every_worker_fires_and_one_job_comes(ground: Ground) -> None:
    # Given a schedule of every minute and three workers
    await ground.app.schedules.create("s", ground.report.call("x"), every="1m")
    tickers = [ground.ticker() for _ in range(3)]
    # When the tick comes and all of them fire
    ground.clock.advance(60)
    for ticker in tickers:
        await ticker.fire()
    # Then one job is there, with the schedule's call
    (job,) = await ground.claim()
    assert (job.spec.task, job.spec.args) == ("report", b'{"day":"x"}')
    assert job.spec.tick is not None


async def test_the_pause_is_the_time_until_the_next_tick(ground: Ground) -> None:
    await ground.app.schedules.create("s", ground.report.call(), every="1m")
    ground.clock.advance(58)
    assert await ground.ticker().fire() == pytest.approx(2)


async def test_a_tick_does_not_come_again_when_its_job_is_gone(ground: Ground) -> None:
    # Given a tick whose job was made and deleted
    await ground.app.schedules.create("s", ground.report.call(), every="1m")
    ground.clock.advance(60)
    await ground.ticker().fire()
    (job,) = await ground.claim()
    await ground.store.reclaim(10, LEASE)
    await ground.app.job(job.id).cancel()
    # When other workers fire
    await ground.ticker().fire()
    # Then nothing more comes
    assert await ground.claim() == []


async def test_ticks_missed_in_an_outage_are_made_up_for(ground: Ground) -> None:
    # Given schedules that missed ten ticks
    for missed in ("skip", "once", "all"):
        await ground.app.schedules.create(missed, ground.report.call(missed), every="1m", missed=missed)
    ground.clock.advance(10 * 60 + 45)
    # When a worker comes back
    await ground.ticker().fire()
    # Then each policy has its jobs
    jobs = [job.spec.args for job in await ground.claim()]
    assert {name: jobs.count(b'{"day":"%s"}' % name.encode()) for name in ("skip", "once", "all")} == {
        "skip": 0,
        "once": 1,
        "all": 10,
    }


async def test_overlap_skip_leaves_out_what_would_run_beside_its_predecessor(ground: Ground) -> None:
    # Given a schedule that skips, and a job of it that runs
    await ground.app.schedules.create("s", ground.report.call(), every="1m", overlap="skip")
    ticker = ground.ticker()
    ground.clock.advance(60)
    await ticker.fire()
    (running,) = await ground.claim()
    # When two more ticks come
    for _ in range(2):
        ground.clock.advance(60)
        await ticker.fire()
    # Then they made no job, and none comes later for them
    assert await ground.claim() == []
    assert running.state is State.RUNNING


async def test_overlap_queue_makes_the_next_when_the_last_has_ended(ground: Ground) -> None:
    # Given a schedule that queues, and a job of it that lives
    await ground.app.schedules.create("s", ground.report.call(), every="1m", overlap="queue", missed="all")
    ticker = ground.ticker()
    ground.clock.advance(60)
    await ticker.fire()
    (first,) = (await ground.app.find()).jobs
    # When two more ticks come, and the job ends
    ground.clock.advance(120)
    await ticker.fire()
    before = len((await ground.app.find()).jobs)
    await ground.app.job(first.id).cancel()
    await ticker.fire()
    # Then the next came only then, and only one
    assert (before, len((await ground.app.find()).jobs)) == (1, 2)


async def test_a_declared_schedule_is_fired_by_workers_of_its_code_alone(ground: Ground) -> None:
    # Given an app whose code declares a schedule
    @ground.app.cron("* * * * *")
    async def cleanup() -> None: ...

    async with ground.app.connect():
        pass
    ground.clock.advance(60)
    # When a worker of other code fires, then one of this code
    await ground.ticker().fire()
    before = await ground.claim()
    await ground.ticker(*ground.app.declared_schedules).fire()
    # Then only the second made the job
    assert (before, [job.spec.task for job in await ground.claim()]) == ([], ["cleanup"])


async def test_declaring_again_keeps_the_cursor_and_whether_it_is_enabled(ground: Ground) -> None:
    # Given a declared schedule that was disabled after a tick
    ground.app.every("1m")(ground.report)
    async with ground.app.connect():
        pass
    await ground.app.schedules.disable("report")
    # When another version of the code declares it otherwise
    other = App(backend=ground.store)
    other.every("2m", description="slower")(other.task(report))
    async with other.connect():
        pass
    # Then it is changed and still disabled
    schedule = await ground.app.schedules.get("report")
    assert (schedule.enabled, schedule.description) == (False, "slower")


async def test_a_schedule_is_changed_disabled_enabled_and_deleted(ground: Ground) -> None:
    # Given a stored schedule
    schedules = ground.app.schedules
    await schedules.create("s", ground.report.call(), every="1m", description="old")
    # When it is changed and disabled
    changed = await schedules.change("s", every="5m", description="new")
    disabled = await schedules.disable("s")
    ground.clock.advance(300)
    await ground.ticker().fire()
    # Then the changes hold and nothing fires
    assert (changed.description, disabled.enabled) == ("new", False)
    assert await ground.claim() == []
    # When it is enabled again and then deleted
    await schedules.enable("s")
    await ground.ticker().fire()
    made = await ground.claim()
    await schedules.delete("s")
    ground.clock.advance(300)
    await ground.ticker().fire()
    # Then it made up for one tick, and fires no more
    assert (len(made), await ground.claim(), await schedules.all()) == (1, [], [])
    with pytest.raises(ScheduleNotFound):
        await schedules.get("s")


async def test_preview_and_runs_tell_what_comes_and_what_was(ground: Ground) -> None:
    # Given a schedule that fired once by itself and once by hand
    schedules = ground.app.schedules
    await schedules.create("s", ground.report.call(), cron="0 12 * * *", tz="Europe/Berlin")
    await ground.app.schedules.run_now("s")
    ground.clock.advance(86_400)
    await ground.ticker().fire()
    # Then the runs are listed, and the preview tells the next ticks in UTC
    assert len((await schedules.runs("s")).jobs) == 2
    first = datetime(2030, 1, 2, 11, tzinfo=UTC)
    assert await schedules.preview("s", 2) == [first, first + timedelta(days=1)]


async def test_a_record_that_cannot_be_read_stops_no_other_schedule(ground: Ground) -> None:
    # Given a schedule beside a broken record
    await ground.store.put([Record(kind=SCHEDULE, id="a", data=b"{broken")])
    await ground.app.schedules.create("s", ground.report.call(), every="1m")
    # When its tick comes
    ground.clock.advance(60)
    await ground.ticker().fire()
    # Then it is fired
    assert len(await ground.claim()) == 1


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, "cron"),
        ({"cron": "* * * * *", "every": 5}, "cron"),
        ({"cron": "bad"}, "bad"),
        ({"cron": "* * * * *", "tz": "Nowhere"}, "Nowhere"),
        ({"every": 0.5}, "too often"),
        ({"every": 60, "missed": "never"}, "missed"),
        ({"every": 60, "overlap": "never"}, "overlap"),
        ({"every": 60, "missed_limit": 0}, "missed_limit"),
        ({"every": 60, "start": datetime(2030, 1, 1)}, "start"),
        ({"every": 60, "start": datetime(2030, 1, 2, tzinfo=UTC), "end": datetime(2030, 1, 1, tzinfo=UTC)}, "end"),
    ],
)
async def test_options_that_cannot_be_are_refused_by_name(
    ground: Ground, options: dict[str, object], named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        await ground.app.schedules.create("s", ground.report.call(), **options)  # type: ignore[arg-type]


async def test_a_name_that_is_taken_is_refused(ground: Ground) -> None:
    await ground.app.schedules.create("s", ground.report.call(), every=60)
    with pytest.raises(ConfigError, match="there already"):
        await ground.app.schedules.create("s", ground.report.call(), every=60)


def test_a_task_that_needs_arguments_cannot_be_declared_with_a_schedule(ground: Ground) -> None:
    with pytest.raises(TaskDeclarationError, match="'day' has no default"):

        @ground.app.cron("* * * * *")
        async def daily(day: str) -> None: ...


def test_two_schedules_of_one_name_cannot_be_declared(ground: Ground) -> None:
    ground.app.every("1m")(ground.report)
    with pytest.raises(TaskDeclarationError, match="taken"):
        ground.app.every("2m")(ground.report)
