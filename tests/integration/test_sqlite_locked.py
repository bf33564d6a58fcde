"""Somebody holds the write lock for long: callers are told to try again, and runs keep their leases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from abaca import App
from abaca.backends.sqlite.settings import parse_url
from abaca.backends.sqlite.store import SqliteBackend
from abaca.errors import BackendUnavailable
from abaca.model import Inserted, State
from tests.integration import shop
from tests.integration.crew import crew, eventually, touch
from tests.integration.sqlite_help import by_hand, job_id, make, opened

HELD_SECONDS = 10.0
LEASE_SECONDS = 24
BEAT_SECONDS = 4
"""A beat may have to wait for the lock from just before its turn: the lease less its margin of a tenth covers that."""


@contextmanager
def write_lock(path: Path) -> Iterator[None]:
    """The write lock, held by a connection of somebody else."""
    other = apsw.Connection(str(path))
    try:
        other.set_busy_timeout(10_000)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
    finally:
        other.close()


@asynccontextmanager
async def impatient(url: str) -> AsyncIterator[SqliteBackend]:
    """A store whose calls wait a second for the lock."""
    store = SqliteBackend(replace(parse_url(url), busy_seconds=1.0))
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def lease_end(path: Path, id: str) -> int:
    (row,) = by_hand(path, f"SELECT lease_until FROM jobs WHERE id = x'{id}'")
    return int(str(row[0]))


@pytest.mark.slow
async def test_a_lock_of_ten_seconds_costs_callers_time_and_no_run_its_lease(sqlite_url: str, tmp_path: Path) -> None:
    path = parse_url(sqlite_url).path
    started, go_on = tmp_path / "started", tmp_path / "go_on"
    async with App(sqlite_url) as app, impatient(sqlite_url) as client:
        patient = app.task(shop.patient)
        with crew(sqlite_url, 1, lease=f"{LEASE_SECONDS}s", beat=f"{BEAT_SECONDS}s"):
            # Given a worker with a running job, and a client that waits less than the lock will be held
            job = await patient.enqueue(str(started), str(go_on))
            await eventually(lambda: asyncio.to_thread(lambda: started.exists() or None))
            # When somebody else holds the write lock for ten seconds
            with write_lock(path):
                held_until = asyncio.get_running_loop().time() + HELD_SECONDS
                # Then an insert is refused in a way that can be repeated
                with pytest.raises(BackendUnavailable, match="repeating the call is safe"):
                    await client.insert([make(1)])
                await asyncio.sleep(held_until - asyncio.get_running_loop().time())  # sleeps: the lock is held so long
            before = lease_end(path, job.id)
            # And the same call is stored once the lock is gone, and the lease of the run is renewed
            assert (await client.insert([make(1)]))[0].outcome is Inserted.INSERTED

            async def renewed() -> bool | None:
                return await asyncio.to_thread(lease_end, path, job.id) > before or None

            await eventually(renewed)
            touch(go_on)
            assert await job.result(timeout=30) == "done"
            # And nobody else was given it, and nothing was charged
            (record,) = await (await app.backend()).get([job.id])
            assert record is not None
            assert (record.state, record.epoch, record.attempts, record.losses) == (State.COMPLETED, 1, 1, 0)


async def test_calls_that_wait_for_the_lock_are_refused_together(sqlite_url: str) -> None:
    # Given a store that waits for a second, and fifty calls while somebody holds the write lock
    loop = asyncio.get_running_loop()
    async with impatient(sqlite_url) as store:
        with write_lock(parse_url(sqlite_url).path):
            began = loop.time()
            calls = [store.insert([make(number)]) for number in range(50)]
            answers = await asyncio.gather(*calls, return_exceptions=True)
        # Then each is told to try again, and they did not wait one after another
        assert {type(answer) for answer in answers} == {BackendUnavailable}
        assert loop.time() - began < 25
        # And none of them is stored
        assert await store.get([job_id(number) for number in range(50)]) == [None] * 50


async def test_a_lock_that_is_held_briefly_is_waited_for(sqlite_url: str) -> None:
    # Given a call that waits for the write lock of somebody else
    async with opened(sqlite_url) as store:
        await store.insert([make(1)])
        with write_lock(parse_url(sqlite_url).path):
            call = asyncio.create_task(store.insert([make(2)]))
            done, _ = await asyncio.wait([call], timeout=0.3)
            assert not done
        # When the lock is let go, then the call is stored
        assert (await call)[0].outcome is Inserted.INSERTED
