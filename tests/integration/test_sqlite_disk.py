"""A disk that is really full: new jobs are refused early, stored ones end, and nothing needs a restart."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from abaca.backends.sqlite.room import RESERVE_BYTES, Room
from abaca.backends.sqlite.store import SqliteBackend
from abaca.errors import BackendUnavailable
from abaca.model import Beat, Inserted, State
from tests.integration.sqlite_help import LEASE, by_hand, claim, complete, job_id, make, opened, want

RUNNING = 40
DISK_KIB = 3072


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of three megabytes, for those who may mount one."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_KIB}k", "tmpfs", str(disk)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False, timeout=20)
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True, timeout=20)


async def fill(store: SqliteBackend, first: int) -> int:
    """Inserts batches until one is refused; answers the number of the first job that is not stored."""
    while True:
        try:
            await store.insert([make(number) for number in range(first, first + 100)])
        except BackendUnavailable:
            return first
        first += 100


async def test_new_jobs_are_refused_before_the_disk_is_full_and_stored_ones_end(small_disk: Path) -> None:
    # Given running jobs, and a disk that inserts fill until they are refused
    async with opened(f"sqlite:///{small_disk}/abaca.db") as store:
        await store.insert([make(number) for number in range(RUNNING)])
        running = await claim(store, RUNNING)
        first_refused = await fill(store, RUNNING)
        # Then the refusal says why, and nothing of the batch is stored
        with pytest.raises(BackendUnavailable, match="the disk is nearly full"):
            await store.insert([make(first_refused)])
        assert await store.get([job_id(first_refused), job_id(first_refused + 99)]) == [None, None]
        # And the running jobs can be renewed, can end one by one, and others can be claimed in their place
        (pulse,) = await store.beat(None, [Beat(id=running[0].id, epoch=1)], LEASE)
        assert pulse.alive
        for job in running:
            answer = await store.exchange([complete(job)], want(1), LEASE)
            assert answer.verdicts == [0]
            assert len(answer.jobs) == 1
        assert (await store.stats()).totals["completed"] == RUNNING
        assert await store.audit() == []


async def test_a_disk_that_others_filled_up_is_survived_without_a_restart(small_disk: Path) -> None:
    # Given a running job, and a disk that somebody else filled to the last byte
    path = small_disk / "abaca.db"
    async with opened(f"sqlite:///{path}") as store:
        await store.insert([make(1)])
        (job,) = await claim(store)
        await store.insert([make(2)])
        others = small_disk / "others"
        with pytest.raises(OSError, match="No space left"):
            others.write_bytes(b"x" * DISK_KIB * 1024)
        # When the store is used, then inserts are refused whole
        with pytest.raises(BackendUnavailable, match="full"):
            await store.insert([make(number) for number in range(10, 500)])
        assert await store.get([job_id(10), job_id(499)]) == [None, None]
        # And once there is room everything goes on, and the file is sound
        others.unlink()
        assert (await store.exchange([complete(job)], want(), LEASE)).verdicts == [0]
        assert (await store.insert([make(3)]))[0].outcome is Inserted.INSERTED
        (found,) = await store.get([job.id])
        assert found is not None
        assert found.state is State.COMPLETED
        assert by_hand(path, "PRAGMA integrity_check") == [("ok",)]
        assert await store.audit() == []


async def test_what_the_log_holds_is_counted_as_taken(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a disk on which just the reserve is free, and a log that has not reached the file yet
    free = RESERVE_BYTES
    real = os.statvfs

    def with_free(path: str) -> os.statvfs_result:
        found = list(real(path))
        found[1], found[2], found[4] = 1, RESERVE_BYTES * 100, free
        return os.statvfs_result(found)

    async with opened(sqlite_url) as store:
        await store.insert([make(number) for number in range(500)])
        monkeypatch.setattr("abaca.backends.sqlite.room.os.statvfs", with_free)
        # When a job is inserted, then the log is brought into the file first, and the insert goes on
        assert (await store.insert([make(501)]))[0].outcome is Inserted.INSERTED
        # And below the reserve it is refused, with the figures
        free -= 1
        with pytest.raises(BackendUnavailable, match=f"{free} bytes are free.*below {RESERVE_BYTES} bytes"):
            await store.insert([make(502)])


def test_a_store_whose_folder_is_gone_has_another_error_to_tell(tmp_path: Path) -> None:
    # Given a path that is not there, then no word about room hides what the write says
    assert Room(tmp_path / "gone" / "a.db").lacking(None) is None  # type: ignore[arg-type] # it is not reached
