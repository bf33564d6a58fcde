"""``abaca verify`` as people run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from abaca import App
from abaca.verify import proc
from tests.servers import RedisServer

ROOT = Path(__file__).parents[2]
HEARS_SIGINT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may have had it ignored
from abaca.cli import main
main(sys.argv[1:])
"""
TINY = ("--minutes", "0.07", "--jobs", "600", "--kills", "1", "--pills", "2", "--stops", "0", "--store-kills", "0")


def verify(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ABACA_")}
    return subprocess.run(
        [sys.executable, "-m", "abaca", "verify", *words],
        cwd=folder,
        env={**kept, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def test_a_store_that_cannot_be_shared_or_reached_is_told_with_status_2(tmp_path: Path) -> None:
    shared = verify("memory://", folder=tmp_path)
    away = verify("redis://127.0.0.1:1/0", folder=tmp_path)
    both = verify("sqlite:///x.db", "--own-server", folder=tmp_path)
    assert [run.returncode for run in (shared, away, both)] == [2, 2, 2]
    assert "cannot share memory://" in shared.stderr
    assert "cannot be reached" in away.stderr
    assert "not both" in both.stderr
    assert not list(tmp_path.iterdir())


def test_a_folder_that_holds_something_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "mine").touch()
    run = verify("sqlite:///x.db", "--keep", "kept", folder=tmp_path)
    assert run.returncode == 2
    assert "not empty" in run.stderr


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 2)])
def test_a_run_that_is_told_to_stop_leaves_nothing_behind(tmp_path: Path, number: signal.Signals, status: int) -> None:
    # Given a run whose workers are at work
    command = [sys.executable, "-c", HEARS_SIGINT, "verify", f"sqlite:///{tmp_path}/user.db", "--minutes", "5"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ABACA_")}
    environment = {**kept, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        until(lambda: bool(list(tmp_path.glob("abaca-verify-*/worker-*.history"))), "a handler ran")
        workers = proc.tree(run.pid)[1:]
        # When
        run.send_signal(number)
        # Then it ends, its workers with it, and its files are gone
        assert run.wait(120) == status
    until(lambda: not any(proc.is_alive(pid) for pid in workers), "all processes are gone")
    assert not list(tmp_path.iterdir())


def until(holds: Callable[[], bool], what: str) -> None:
    ends = time.monotonic() + 100
    while not holds():
        assert time.monotonic() < ends, f"never: {what}"
        time.sleep(0.05)  # sleeps: another process gives no signal


@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.redis
@pytest.mark.timeout(420)
async def test_a_users_redis_is_put_to_the_test_and_left_as_it_was(redis_server: RedisServer, tmp_path: Path) -> None:
    # Given a server with somebody's keys and a store with a job
    async with App(redis_server.url) as app:
        job = await app.enqueue_by_name("task", pool="async")
    with redis.Redis(port=redis_server.port) as client:
        client.set("theirs", "untouched")
        before = {key: client.dump(key) for key in client.scan_iter()}
        # When
        run = verify(redis_server.url, *TINY, "--seed", "1", "--json", "--keep", "kept", folder=tmp_path)
        # Then its keys are as they were
        assert {key: client.dump(key) for key in client.scan_iter()} == before
    async with App(redis_server.url) as app:
        assert (await app.job(job.id).info()).id == job.id
    # And: every job of the run is accounted for; so short a run may have shown too little
    assert run.returncode in (0, 1), run.stderr
    answer = json.loads(run.stdout)
    assert answer["violations"] == []
    assert answer["jobs"] >= 600
    assert answer["ok"] == (not answer["not_seen"])
    assert any("no AOF" in line for line in (answer["durability"], *answer["weaknesses"]))
    # And: what it did is in the folder that was named
    assert (tmp_path / "kept" / "schedule.json").exists()
    assert (tmp_path / "kept" / "nemesis.history").exists()
