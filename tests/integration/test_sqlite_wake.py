"""How processes hear of each other: the ring, the folder of rings, and the ways around a missing inotify."""

from __future__ import annotations

import asyncio
import os
import queue
from collections.abc import Iterator
from pathlib import Path

import pytest

from abaca.backends.sqlite.ring import SIZE, RingReader, RingWriter
from abaca.backends.sqlite.settings import parse_url
from abaca.backends.sqlite.versions import VersionWatch
from abaca.backends.sqlite.wake import Announcer, Listener
from abaca.model import queue_topic
from tests.integration.sqlite_help import LEASE, by_hand, claim, complete, job_id, make, opened, want

PATIENCE = 10.0


@pytest.fixture
def ring_file(tmp_path: Path) -> Iterator[tuple[Path, RingWriter]]:
    path = tmp_path / "ring"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    yield path, RingWriter(descriptor)
    os.close(descriptor)


def test_a_reader_gets_each_topic_once_in_order(ring_file: tuple[Path, RingWriter]) -> None:
    # Given a reader that starts after the first topic
    path, writer = ring_file
    writer.write(["job:0"])
    late, early = RingReader(path, from_start=False), RingReader(path, from_start=True)
    # When more are written
    writer.write(["job:1", "queue:é"])
    writer.write(["job:2"])
    # Then it gets what came after it, once
    assert late.read() == ["job:1", "queue:é", "job:2"]
    assert late.read() == []
    assert early.read() == ["job:0", "job:1", "queue:é", "job:2"]
    late.close()
    early.close()


def test_the_ring_goes_round_without_losing_a_topic(ring_file: tuple[Path, RingWriter]) -> None:
    # Given a reader that keeps up
    path, writer = ring_file
    reader = RingReader(path, from_start=True)
    # When several times the ring's size is written
    for number in range(SIZE // 50):
        topics = [f"job:{number:040d}", f"job:{number:099d}"]
        writer.write(topics)
        # Then it gets all
        assert reader.read() == topics
    reader.close()


def test_a_reader_that_was_overtaken_knows_it(ring_file: tuple[Path, RingWriter]) -> None:
    # Given a reader
    path, writer = ring_file
    reader = RingReader(path, from_start=True)
    # When more is written than the ring holds
    for number in range(SIZE // 50):
        writer.write([f"job:{number:060d}"])
    # Then it is told so, and goes on from there
    assert reader.read() is None
    writer.write(["job:next"])
    assert reader.read() == ["job:next"]
    # And a single write that is too much says the same
    writer.write(f"job:{number:060d}" for number in range(SIZE))
    assert reader.read() is None
    reader.close()


def test_the_file_of_a_dead_process_is_removed_and_of_a_living_one_kept(tmp_path: Path) -> None:
    # Given a living announcer, and the file of one that was killed (nobody holds its lock)
    living = Announcer(tmp_path / "wake")
    (tmp_path / "wake" / "1-dead").write_bytes(b"")
    # When another one starts
    newcomer = Announcer(tmp_path / "wake")
    # Then the dead one's file is gone
    assert {file.name for file in (tmp_path / "wake").iterdir()} == {living.name, newcomer.name}
    living.close()
    newcomer.close()
    assert list((tmp_path / "wake").iterdir()) == []


class Heard:
    """A listener on a database and what it heard."""

    def __init__(self, url: str, own: str = "") -> None:
        settings = parse_url(url)
        self.changes: queue.Queue[list[str] | None] = queue.Queue()
        self._listener = Listener(
            settings.wake_folder, own, lambda: VersionWatch(settings), lambda: True, self.changes.put
        )

    def next(self) -> list[str] | None:
        return self.changes.get(timeout=PATIENCE)

    def close(self) -> None:
        self._listener.close()


async def test_a_listener_hears_others_by_topic_and_never_itself(sqlite_url: str) -> None:
    # Given two stores on the file and a listener that belongs to the first
    async with opened(sqlite_url) as first, opened(sqlite_url) as second:
        own = next(file.name for file in parse_url(sqlite_url).wake_folder.iterdir())
        heard = Heard(sqlite_url, own)
        # When both insert, and a third is opened later and inserts too
        await asyncio.gather(*(store.insert([make(n, queue="mine")]) for n, store in enumerate((first, second))))
        assert heard.next() == [queue_topic("mine")]
        async with opened(sqlite_url) as third:
            await third.insert([make(9, queue="late")])
            assert heard.next() == [queue_topic("late")]
        # Then only the others were heard, each once
        assert heard.changes.empty()
        heard.close()


@pytest.mark.damages
async def test_without_inotify_the_data_version_is_looked_at(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a system whose inotify watches are used up
    def used_up(folder: Path) -> None:
        raise OSError(24, "inotify_init1")

    monkeypatch.setattr("abaca.backends.sqlite.wake.FolderWatch", used_up)
    async with opened(sqlite_url) as store:
        heard = Heard(sqlite_url)
        # When somebody commits after the first look
        assert heard.next() is None
        by_hand(parse_url(sqlite_url).path, "UPDATE totals SET jobs = jobs + 1")
        # Then it is heard that something changed, and held claims are answered that way too
        assert heard.next() is None
        heard.close()
        held = asyncio.create_task(store.exchange([], want(hold_ms=10_000), LEASE))
        async with opened(sqlite_url) as other:
            await other.insert([make(1)])
            assert [job.id for job in (await held).jobs] == [job_id(1)]


async def test_a_settle_here_carries_the_record_to_those_who_wait(sqlite_url: str) -> None:
    # Given a watch on a running job
    async with opened(sqlite_url) as store:
        await store.insert([make(1)])
        (job,) = await claim(store)
        watch = await store.watch([f"job:{job.id}"])
        # When it is settled
        await store.exchange([complete(job)], None, LEASE)
        hint = await watch.next(PATIENCE)
        # Then the hint spares the read
        assert hint is not None
        assert hint.job is not None
        assert hint.job.result == b'"done"'
        await watch.close()
