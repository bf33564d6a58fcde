"""From one store to another: what comes along, what stays, and that a copy can be made again."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from abaca import App, ConfigError, Status
from abaca.backends import open_backend
from abaca.copying import copy_store
from abaca.model import CURSOR, Lease, Settle, State, Transition, Want


def declared(app: App) -> App:
    @app.task
    async def add(a: int, b: int = 0) -> int:
        return a + b

    return app


@pytest.fixture(params=["memory to sqlite", "sqlite to redis", "redis to sqlite", "sqlite to memory"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[App, App]:
    """A store with jobs to be, and an empty one."""
    names = request.param.split(" to ")
    urls = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path / 'jobs.db'}"}
    if "redis" in names:
        urls["redis"] = request.getfixturevalue("redis_url")
    old, new = (declared(App(urls[name])) for name in names)
    return old, new


async def everything(app: App) -> dict[str, tuple[Status, object, int, object]]:
    """Each job's status, arguments, priority and time."""
    jobs = (await app.find()).jobs
    return {job.id: (job.status, json.loads(job.spec.args), job.spec.priority, job.spec.key) for job in jobs}


async def test_what_waits_comes_along_with_its_id_and_its_turn(pair: tuple[App, App]) -> None:
    # Given a store with jobs that are due, due later, of a key, behind another, and of a schedule
    old, new = pair
    async with old, new:
        add = old.tasks["add"]
        first = await add.opts(key="one", priority=90).enqueue(1)
        second = await add.opts(delay="1h").enqueue(2, 3)
        await add.opts(after=[first, second]).enqueue(4)
        await old.schedules.create("nightly", add.call(5), cron="0 3 * * *")
        await old.queues.limit("default", concurrency=3)
        before = await everything(old)
        # When it is copied
        copied = await copy_store(old.client(), new.client())
        # Then the other store has the same jobs, and the same due times
        assert await everything(new) == before
        assert (copied.jobs, copied.left) == (3, {})
        due = [(await app.job(second.id).info()).due_at for app in pair]
        assert due[0] == due[1]
        # Then it has the schedule, fired just as far, and the settings
        assert await new.schedules.get("nightly") == await old.schedules.get("nightly")
        cursors = [(await app.records.read(CURSOR, ["nightly"]))[0] for app in pair]
        assert cursors[0] == cursors[1]
        assert (await new.queues.get("default")).concurrency == 3
        # When it is copied again, Then nothing changes
        again = await copy_store(old.client(), new.client())
        assert (again.jobs, again.known, again.records) == (0, 3, 0)
        assert await everything(new) == before
        # When workers run there, Then each job runs once, the child after its parents
        async with new.worker(concurrency=1):
            assert await new.job(first.id).result(timeout=20) == 1


async def test_what_has_begun_stays_and_is_told(pair: tuple[App, App]) -> None:
    # Given a job that failed once and waits to be tried again, one that is behind it, and one that runs
    old, new = pair
    async with old, new:
        add = old.tasks["add"]
        begun = await add.enqueue(1)
        await add.opts(after=begun).enqueue(2)
        store = await old.backend()
        lease = Lease(worker="w", ms=60_000)
        one = Want(queues=("default",), slots={"async": 1})
        (run,) = (await store.exchange([], one, lease)).jobs
        back = Settle(id=run.id, epoch=run.epoch, to=Transition(target=State.WAITING, attempts=1, delay_ms=60_000))
        await store.exchange([back], None, lease)
        running = await add.enqueue(3)
        assert [job.id for job in (await store.exchange([], one, lease)).jobs] == [running.id]
        # When the store is copied
        copied = await copy_store(old.client(), new.client())
        # Then nothing came along, and each reason is counted
        assert await everything(new) == {}
        assert sorted(copied.left.values()) == [1, 1, 1]


async def test_moved_jobs_are_gone_from_where_they_were(pair: tuple[App, App]) -> None:
    # Given a chain of jobs
    old, new = pair
    async with old, new:
        add = old.tasks["add"]
        parent = await add.enqueue(1)
        await add.opts(after=parent).enqueue(2)
        before = await everything(old)
        # When it is moved
        copied = await copy_store(old.client(), new.client(), move=True)
        # Then it is there, whole, and no longer here
        assert copied.moved == 2
        assert await everything(old) == {}
        assert await everything(new) == before


async def test_counting_copies_nothing(pair: tuple[App, App]) -> None:
    old, new = pair
    async with old, new:
        await old.tasks["add"].enqueue(1)
        assert (await copy_store(old.client(), new.client(), dry_run=True)).jobs == 1
        assert await everything(new) == {}


async def test_time_that_has_passed_has_passed() -> None:
    # Given a job that expires in an hour and holds its key for one, stored half an hour ago
    from abaca.testing import harness

    old, new = declared(App("memory://")), declared(App("memory://"))
    with harness(old) as bench:
        job = await old.tasks["add"].opts(expires="1h", throttle="1h").enqueue(1)
        bench.clock.advance("30m")
        # When it is copied
        await copy_store(old.client(), new.client())
    # Then half an hour is left of both
    spec = (await new.job(job.id).info()).spec
    assert (spec.expires_ms, spec.key_ms) == (1_800_000, 1_800_000)


async def test_a_store_that_workers_serve_is_not_copied() -> None:
    # Given a store with a live worker
    old, new = declared(App("memory://")), declared(App("memory://"))
    async with old, new, old.worker(name="busy"):
        # When it is to be copied, Then that is refused by the worker's name
        with pytest.raises(ConfigError, match="busy"):
            await copy_store(old.client(), new.client())


@pytest.mark.timeout(120)
def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    # Given a SQLite store with two jobs
    urls = [f"sqlite:///{tmp_path / name}" for name in ("old.db", "new.db")]
    with declared(App(urls[0])) as app:
        at = datetime.now(UTC) + timedelta(days=1)
        ids = {app.tasks["add"].enqueue_sync(1).id, app.tasks["add"].opts(run_at=at).enqueue_sync(2).id}
    # When the command copies it, Then it ends with 0 and counts them
    done = subprocess.run(
        [sys.executable, "-m", "abaca", "copy", *urls, "--json"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["jobs"] == 2

    async def stored() -> set[str]:
        store = open_backend(urls[1])
        await store.open()
        try:
            return {job.id for job in await store.get(sorted(ids)) if job is not None}
        finally:
            await store.close()

    assert asyncio.run(stored()) == ids
