"""The one writer: shared commits, failures that stay with their call, and what a full or locked file answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from abaca.backends.sqlite.settings import parse_url
from abaca.backends.sqlite.store import SqliteBackend
from abaca.backends.sqlite.tx import Tx
from abaca.errors import BackendError, BackendUnavailable
from abaca.model import Inserted, NewJob, Receipt
from tests.integration.sqlite_help import LEASE, by_hand, claim, complete, job_id, make, opened, want


class Gate:
    """A call that keeps the writer busy until it is let go, so that others gather behind it."""

    def __init__(self, store: SqliteBackend) -> None:
        self._entered = threading.Event()
        self._leave = threading.Event()
        self._call = asyncio.ensure_future(store.engine.write(self._wait))

    def _wait(self, tx: Tx) -> None:
        self._entered.set()
        assert self._leave.wait(10)

    async def entered(self) -> None:
        assert await asyncio.to_thread(self._entered.wait, 10)

    async def release(self) -> None:
        self._leave.set()
        await self._call


async def queued(*calls: Coroutine[Any, Any, object]) -> list[asyncio.Task[object]]:
    """The calls, started and waiting in the writer's queue."""
    tasks = [asyncio.create_task(call) for call in calls]
    await asyncio.sleep(0)  # each runs up to its place in the queue
    return tasks


async def test_calls_that_wait_share_commits(sqlite_url: str) -> None:
    # Given a hundred inserts that wait behind a busy writer
    async with opened(sqlite_url) as store:
        gate = Gate(store)
        await gate.entered()
        tasks = await queued(*(store.insert([make(number)]) for number in range(100)))
        before = store.engine.writer.commits
        # When the writer goes on
        await gate.release()
        await asyncio.gather(*tasks)
        # Then they took few commits, and all are stored
        assert store.engine.writer.commits - before < 20
        assert len(await claim(store)) == 100


async def test_a_batch_is_answered_with_one_wake_up(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given fifty inserts that wait together, and a count of the loop's wake-ups
    loop = asyncio.get_running_loop()
    wakes: list[object] = []
    wake = loop.call_soon_threadsafe

    def counted(*arguments: Any, **keywords: Any) -> asyncio.Handle:
        wakes.append(arguments)
        return wake(*arguments, **keywords)

    async with opened(sqlite_url) as store:
        gate = Gate(store)
        await gate.entered()
        tasks = await queued(*(store.insert([make(number)]) for number in range(50)))
        monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
        # When they are answered
        await gate.release()
        await asyncio.gather(*tasks)
        # Then it took far fewer wake-ups than calls
        assert 1 <= len(wakes) <= 10


async def test_one_failing_call_does_not_spoil_the_others(sqlite_url: str) -> None:
    # Given three calls that wait together, of which the second writes and then fails
    def fails(tx: Tx) -> None:
        tx.connection.execute("DELETE FROM jobs")
        raise ValueError("no")

    async with opened(sqlite_url) as store:
        gate = Gate(store)
        await gate.entered()
        tasks = await queued(
            store.insert([make(1)]), store.engine.write(fails), store.insert([make(2), NewJob(id="x", task="t")])
        )
        tasks += await queued(store.insert([make(3)]))
        # When they are run
        await gate.release()
        first, second, third, fourth = await asyncio.gather(*tasks, return_exceptions=True)
        # Then each has its own answer, and the failing ones left nothing
        assert isinstance(first, list)
        assert isinstance(fourth, list)
        assert isinstance(second, ValueError)
        assert isinstance(third, ValueError)
        assert "'x'" in str(third)
        assert [job.id for job in await claim(store)] == [job_id(1), job_id(3)]


async def test_an_answer_means_that_others_see_it(sqlite_url: str) -> None:
    # Given an insert that was answered
    async with opened(sqlite_url) as store:
        await store.insert([make(1)])
        # Then another connection sees it
        assert by_hand(parse_url(sqlite_url).path, "SELECT count(*) FROM jobs") == [(1,)]


async def test_calls_of_several_event_loops_are_answered_in_their_own(sqlite_url: str) -> None:
    # Given an open store and another thread with an event loop of its own
    async with opened(sqlite_url) as store:

        def elsewhere() -> list[Inserted]:
            return [receipt.outcome for receipt in asyncio.run(insert_there())]

        async def insert_there() -> list[Receipt]:
            return await store.insert([make(1), make(1)])

        # When both use it, then both get their answers
        there, here = await asyncio.gather(asyncio.to_thread(elsewhere), store.insert([make(2)]))
        assert there == [Inserted.INSERTED, Inserted.KNOWN]
        assert here[0].outcome is Inserted.INSERTED


async def test_a_file_that_stays_locked_answers_unavailable(sqlite_url: str) -> None:
    # Given a store that waits for a fifth of a second, and somebody who holds the write lock
    store = SqliteBackend(replace(parse_url(sqlite_url), busy_seconds=0.2))
    await store.open()
    other = apsw.Connection(str(parse_url(sqlite_url).path))
    other.execute("BEGIN IMMEDIATE")
    # When the store writes, then it says that the store cannot be reached now
    with pytest.raises(BackendUnavailable, match="locked"):
        await store.insert([make(1)])
    # And reads go on, and writes once the lock is gone
    assert await store.get([job_id(1)]) == [None]
    other.execute("ROLLBACK")
    other.close()
    assert (await store.insert([make(1)]))[0].outcome is Inserted.INSERTED
    await store.close()


async def test_a_full_disk_refuses_whole_inserts_and_still_settles(sqlite_url: str) -> None:
    # Given a running job, and a file that may grow by a few pages only
    big = b'"' + b"x" * 100_000 + b'"'
    async with opened(sqlite_url) as store:
        await store.insert([make(1)])
        (job,) = await claim(store)

        def cap(tx: Tx, pages: int) -> None:
            tx.connection.pragma("max_page_count", tx.connection.pragma("page_count") + pages)

        await store.engine.write(lambda tx: cap(tx, 5))
        # When an insert does not fit
        with pytest.raises(BackendUnavailable, match="full"):
            await store.insert([make(2), NewJob(id=job_id(3), task="t", args=big)])
        # Then nothing of it is stored, the running job can be completed, and inserts resume once there is room
        assert await store.get([job_id(2), job_id(3)]) == [None, None]
        answer = await store.exchange([complete(job)], want(), LEASE)
        assert (answer.verdicts, answer.jobs) == ([0], [])
        await store.engine.write(lambda tx: cap(tx, 1000))
        assert len(await store.insert([NewJob(id=job_id(3), task="t", args=big)])) == 1


async def test_a_full_disk_fails_only_the_call_that_does_not_fit(sqlite_url: str) -> None:
    # Given three inserts that wait together, of which the second does not fit into the file
    big = NewJob(id=job_id(2), task="t", args=b'"' + b"x" * 400_000 + b'"')
    async with opened(sqlite_url) as store:
        await store.engine.write(
            lambda tx: tx.connection.pragma("max_page_count", tx.connection.pragma("page_count") + 20)
        )
        gate = Gate(store)
        await gate.entered()
        calls = (store.insert([make(1)]), store.insert([big]), store.insert([make(3)]))
        tasks = await queued(*calls)
        # When they are run
        await gate.release()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        # Then that one is refused, and the others are stored
        assert [type(answer) for answer in answers] == [list, BackendUnavailable, list]
        assert [job.id for job in await claim(store)] == [job_id(1), job_id(3)]


@pytest.mark.parametrize("act", ["replace", "delete"])
async def test_a_file_that_is_replaced_or_deleted_is_noticed(sqlite_url: str, act: str) -> None:
    # Given an open store whose file somebody replaces or deletes
    path = parse_url(sqlite_url).path
    async with opened(sqlite_url) as store:
        await store.insert([make(1)])
        if act == "replace":
            other = path.with_name("other.db")
            other.write_bytes(path.read_bytes())
            other.rename(path)
        else:
            path.unlink()
        # When it is used, then writes and reads are refused, since they would be lost or are old
        with pytest.raises(BackendError, match="deleted or replaced"):
            await store.insert([make(2)])
        with pytest.raises(BackendError, match="deleted or replaced"):
            await store.get([job_id(1)])
        with pytest.raises(BackendError, match="deleted or replaced"):
            await store.stats()


@pytest.mark.damages
async def test_a_damaged_page_is_an_error_and_not_a_lost_call(sqlite_url: str) -> None:
    # Given a file whose pages after the first were overwritten while nobody had it open
    path = parse_url(sqlite_url).path
    async with opened(sqlite_url) as store:
        await store.insert([make(number) for number in range(200)])
    _overwrite(path)
    # When it is opened and used again, then the error says that the file is damaged
    with pytest.raises(BackendError, match="damaged") as caught:
        async with opened(sqlite_url) as store:
            await claim(store)
    assert not isinstance(caught.value, BackendUnavailable)


def _overwrite(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
