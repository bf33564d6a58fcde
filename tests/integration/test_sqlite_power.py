"""Loss of power: what ``synchronous`` asks of the disk, and what a log that was cut or spoiled gives back."""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from abaca.backends.sqlite.settings import parse_url
from abaca.model import Inserted, State
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
from tests.tracing import require_strace

COMMITS = 100
ROOT = Path(__file__).parents[2]

ONE_BY_ONE = f"""
async def main():
    async with opened(url) as store:
        for number in range({COMMITS}):
            await store.insert([make(number)])
            os.write(1, b"acknowledged")
asyncio.run(main())
"""


def calls_between_answers(url: str, folder: Path) -> list[int]:
    """How many times the file was synced for each of the acknowledged inserts, as the kernel saw it."""
    script = folder / "one_by_one.py"
    script.write_text(
        "import asyncio, os, sys\nfrom tests.integration.sqlite_help import *\nurl = sys.argv[1]\n" + ONE_BY_ONE
    )
    said = folder / "calls"
    trace = [require_strace(), "-f", "-qq", "-e", "trace=fdatasync,fsync,write", "-e", "signal=none", "-o", str(said)]
    command = [*trace, sys.executable, str(script), url]
    env = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    subprocess.run(command, check=True, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=50)
    counts = [0]
    for line in said.read_text().splitlines():
        if re.search(r"(fdatasync|fsync)(\(| resumed).*= 0$", line):
            counts[-1] += 1
        elif 'write(1, "acknowledged"' in line:
            counts.append(0)
    return counts[:-1]


def test_full_syncs_before_every_acknowledgement(sqlite_url: str, tmp_path: Path) -> None:
    # Given a process that inserts one job after another under synchronous=full, with its system calls written down
    counts = calls_between_answers(sqlite_url + "?synchronous=full", tmp_path)
    # Then the log was synced at least once before each answer
    assert len(counts) == COMMITS
    assert min(counts) >= 1


def test_normal_does_not_sync_commits_and_the_count_tells(sqlite_url: str, tmp_path: Path) -> None:
    # Given the same under synchronous=normal, which says that the last commits may be lost
    counts = calls_between_answers(sqlite_url + "?synchronous=normal", tmp_path)
    # Then nearly no answer waited for a sync: the count above measures something
    assert len(counts) == COMMITS
    assert sum(count > 0 for count in counts) < COMMITS // 4


HISTORY = """
async def main():
    async with opened(url) as store:
        say("open")
        step = 0
        for line in sys.stdin:
            if step % 3 == 2:
                (job,) = await claim(store, 1)
                await store.exchange([complete(job)], None, LEASE)
            else:
                await store.insert([make(step)])
            step += 1
            say(step)
asyncio.run(main())
"""
BASE, STEPS = 30, 150
"""Steps before the log is checkpointed into the file, and in all. A third step is two commits: a claim and an end."""

States = dict[str, int]


def states_after_each_commit() -> list[States]:
    """What the jobs are after none, one, two, ... commits of the history."""
    waiting: list[str] = []
    now: States = {}
    after = [dict(now)]
    for step in range(STEPS):
        if step % 3 == 2:
            first = waiting.pop(0)
            for state in (State.RUNNING, State.COMPLETED):
                now[first] = int(state)
                after.append(dict(now))
        else:
            waiting.append(job_id(step))
            now[job_id(step)] = int(State.WAITING)
            after.append(dict(now))
    return after


@pytest.fixture
async def crashed(tmp_path: Path) -> Path:
    """The file and the log of a process that was killed after it acknowledged the whole history."""
    url = f"sqlite:///{tmp_path / 'lived.db'}"
    path = parse_url(url).path
    with process(HISTORY, url) as writer:
        assert await asyncio.to_thread(hear, writer) == "open"
        for step in range(STEPS):
            if step == BASE:
                by_hand(path, "PRAGMA wal_checkpoint(RESTART)")
            tell(writer)
            assert await asyncio.to_thread(hear, writer) == str(step + 1)
        writer.send_signal(signal.SIGKILL)
        writer.wait(20)
    return path


def copy_of(path: Path, folder: Path) -> Path:
    """As another machine finds it after the crash: without the shared memory, which is no part of the disk."""
    folder.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", folder / f"cut.db{suffix}")
    return folder / "cut.db"


async def commits_that_survived(path: Path, after: list[States]) -> int:
    """Opens what is left, checks that it is one moment of the history and goes on working; answers which moment."""
    async with opened(f"sqlite:///{path}") as store:
        assert by_hand(path, "PRAGMA integrity_check") == [("ok",)]
        found = {str(id): int(str(state)) for id, state in by_hand(path, "SELECT lower(hex(id)), state FROM jobs")}
        assert found in after, "the jobs are as they never were at any moment of the history"
        ended = sum(state == State.COMPLETED for state in found.values())
        assert (await store.stats()).totals["completed"] == ended
        assert await store.audit() == []
        # and the queue goes on from there
        assert (await store.insert([make(STEPS)]))[0].outcome is Inserted.INSERTED
        running = [job for job in await claim(store, 1000) if job.state is State.RUNNING]
        assert len(running) == sum(state == State.WAITING for state in found.values()) + 1
        answer = await store.exchange([complete(job) for job in running], want(), LEASE)
        assert set(answer.verdicts) == {0}
        assert await store.audit() == []
    return after.index(found)


def flip(file: Path, at: int, bit: int) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 1 << bit
    file.write_bytes(data)


async def test_a_log_cut_anywhere_loses_a_suffix_and_nothing_else(crashed: Path, tmp_path: Path) -> None:
    # Given the file and log of a killed process, and copies whose log is cut at random places
    after = states_after_each_commit()
    size = Path(f"{crashed}-wal").stat().st_size
    random_ = random.Random(9)
    survived: list[int] = []
    for number, length in enumerate(sorted([0, 31, size, *random_.choices(range(size), k=22)])):
        path = copy_of(crashed, tmp_path / f"cut-{number}")
        os.truncate(f"{path}-wal", length)
        # When each is opened, then it is the state after some commit
        survived.append(await commits_that_survived(path, after))
    # And the more of the log is left the later that commit, up to the whole history
    assert survived == sorted(survived)
    assert survived[-1] == len(after) - 1
    assert len(set(survived)) > 10, "the cuts hardly cut anything"


async def test_a_flipped_bit_in_the_log_loses_a_suffix_and_nothing_else(crashed: Path, tmp_path: Path) -> None:
    # Given copies whose log has one bit flipped at a random place, in its header too
    after = states_after_each_commit()
    size = Path(f"{crashed}-wal").stat().st_size
    random_ = random.Random(10)
    survived: list[int] = []
    for number, at in enumerate(sorted([0, 17, 40, *random_.choices(range(size), k=22)])):
        path = copy_of(crashed, tmp_path / f"flip-{number}")
        flip(Path(f"{path}-wal"), at, bit=random_.randrange(8))
        # When each is opened, then it is the state after some commit
        survived.append(await commits_that_survived(path, after))
    # And what is lost begins with the frame that was spoiled
    assert survived == sorted(survived)
    assert survived[0] < survived[-1]
