"""Several processes on one file: they wake each other, survive each other's death, and never share a connection."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from abaca.backends.sqlite.settings import parse_url
from abaca.model import Lease, State, Verdict, job_topic
from tests.integration.sqlite_help import (
    LEASE,
    by_hand,
    claim,
    complete,
    hear,
    job_id,
    make,
    opened,
    process,
    tell,
    want,
)

HOLD_MS = 20_000

WORKER = f"""
async def main():
    async with opened(url) as store:
        say("ready")
        while True:
            jobs = (await store.exchange([], want(1, hold_ms={HOLD_MS}), LEASE)).jobs
            await store.exchange([complete(job) for job in jobs], None, LEASE)
            say(*(job.id for job in jobs))
asyncio.run(main())
"""


async def test_two_processes_wake_each_other(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a worker process that holds a claim open, and nobody who looks by himself before a minute is over
    monkeypatch.setattr("abaca.backends.sqlite.store._LONGEST_WAIT", 60.0)
    script = "import abaca.backends.sqlite.store as s; s._LONGEST_WAIT = 60.0\n" + WORKER
    async with opened(sqlite_url) as store:
        with process(script, sqlite_url) as worker:
            assert await asyncio.to_thread(hear, worker) == "ready"
            waits: list[float] = []
            for number in range(1, 11):
                # When a job is inserted here and its end awaited by hint alone
                watch = await store.watch([job_topic(job_id(number))])
                began = time.monotonic()
                await store.insert([make(number)])
                while (await store.get([job_id(number)]))[0].state is not State.COMPLETED:  # type: ignore[union-attr]
                    assert await watch.next(10) is not None, "the end of the job woke nobody"
                waits.append(time.monotonic() - began)
                await watch.close()
                assert await asyncio.to_thread(hear, worker) == job_id(number)
        # Then each came back long before anybody would have looked by himself
        assert sorted(waits)[5] < 5.0


async def test_a_cancel_reaches_a_watch_in_another_process(sqlite_url: str) -> None:
    # Given a running job that another process watches
    script = f"""
async def main():
    async with opened(url) as store:
        watch = await store.watch(["job:{job_id(1)}"])
        say("ready")
        hint = await watch.next({HOLD_MS / 1000})
        say(hint and hint.topic)
asyncio.run(main())
"""
    async with opened(sqlite_url) as store:
        await store.insert([make(1)])
        await claim(store)
        with process(script, sqlite_url) as watcher:
            assert await asyncio.to_thread(hear, watcher) == "ready"
            # When it is cancelled here
            await store.cancel([job_id(1)])
            # Then the watch gets its hint
            assert await asyncio.to_thread(hear, watcher) == job_topic(job_id(1))


@pytest.mark.chaos
async def test_no_acknowledged_insert_is_lost_when_the_writer_is_killed(sqlite_url: str) -> None:
    # Given a process that inserts and says which ones were acknowledged
    script = """
async def main():
    first = int(sys.stdin.readline())
    async with opened(url) as store:
        for number in range(first, first + 1_000_000, 3):
            await store.insert([make(number), make(number + 1), make(number + 2)])
            say(number + 2)
asyncio.run(main())
"""
    told = 0
    for round in range(5):
        # When it is killed in mid-write, five times over
        with process(script, sqlite_url) as writer:
            tell(writer, str(told + 1))
            for _ in range(20 + 15 * round):
                told = int(await asyncio.to_thread(hear, writer))
            writer.send_signal(signal.SIGKILL)
            rest, _ = writer.communicate(timeout=20)
            told = max([told, *map(int, rest.splitlines(keepends=False))])
        # Then the file is sound, every acknowledged insert is there, and no batch is there in part
        path = parse_url(sqlite_url).path
        assert by_hand(path, "PRAGMA integrity_check") == [("ok",)]
        stored = {id for (id,) in by_hand(path, "SELECT lower(hex(id)) FROM jobs")}
        assert stored >= {job_id(number) for number in range(1, told + 1)}
        assert len(stored) % 3 == 0
        told = len(stored)


async def test_two_processes_never_hold_the_same_run(sqlite_url: str) -> None:
    # Given three hundred jobs and two processes that drain them at once
    script = """
async def main():
    async with opened(url) as store:
        say("ready"); sys.stdin.readline()
        mine = []
        jobs = await claim(store, 7)
        while jobs:
            mine += [job.id for job in jobs]
            answer = await store.exchange([complete(job) for job in jobs], want(7), LEASE)
            assert set(answer.verdicts) == {0}
            jobs = answer.jobs
        say(*mine)
asyncio.run(main())
"""
    async with opened(sqlite_url) as store:
        await store.insert([make(number) for number in range(300)])
        with process(script, sqlite_url) as a, process(script, sqlite_url) as b:
            assert [await asyncio.to_thread(hear, child) for child in (a, b)] == ["ready", "ready"]
            # When both are let go
            tell(a)
            tell(b)
            shares = [(await asyncio.to_thread(hear, child)).split() for child in (a, b)]
        # Then every job was claimed once, in all
        assert sorted(shares[0] + shares[1]) == [job_id(number) for number in range(300)]
        assert (await store.stats()).totals["completed"] == 300


async def test_a_forked_child_is_told_to_make_its_own_backend(sqlite_url: str) -> None:
    # Given an open store and a forked child that tries it
    script = """
def outcome(store):
    try:
        asyncio.run(store.insert([make(9)]))
    except Exception as error:
        return type(error).__name__ + ": " + str(error)
    return "no error"
async def child_of_its_own():
    async with opened(url) as store:
        return (await store.insert([make(2)]))[0].outcome.name
async def main():
    async with opened(url) as store:
        await store.insert([make(1)])
        pid = os.fork()
        if pid == 0:
            asyncio._set_running_loop(None)
            say(outcome(store))
            asyncio.run(store.close())
            say(asyncio.run(child_of_its_own()))
            os._exit(0)
        await asyncio.to_thread(os.waitpid, pid, 0)
        say(len(await claim(store)))
asyncio.run(main())
"""
    with process(script, sqlite_url) as parent:
        # When the child uses the parent's store, then it gets a clear error at once
        refusal = await asyncio.to_thread(hear, parent)
        assert refusal.startswith("BackendError")
        assert "fork" in refusal
        # And a backend of its own works, and the parent's goes on
        assert await asyncio.to_thread(hear, parent) == "INSERTED"
        assert await asyncio.to_thread(hear, parent) == "2"


async def test_a_stale_process_is_refused(sqlite_url: str) -> None:
    # Given a job whose run another process took over after its lease
    async with opened(sqlite_url) as store, opened(sqlite_url) as other:
        await store.insert([make(1)])
        (mine,) = (await store.exchange([], want(1), Lease(worker="worker-1", ms=0))).jobs
        (taken,) = await other.reclaim(1, LEASE)
        # When the first settles late, then its verdict is stale, and the taker's is not
        late = await store.exchange([complete(mine)], None, LEASE)
        timely = await other.exchange([complete(taken)], None, LEASE)
        assert (late.verdicts, timely.verdicts) == ([Verdict.STALE], [Verdict.APPLIED])
