"""The sync twins, and what a fork or a spawn does to them."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from abaca import App, ArgumentError, Call, JobHandle, JobNotFound, ResultTimeout, RunningLoopError, Status, Task
from abaca.codec import new_id
from abaca.queues import Queues
from abaca.records import Records
from abaca.schedules import Schedules
from abaca.sync import background_loop
from tests.unit.face import finish

FOR_WORKERS = {"backend", "connect"}


@pytest.fixture
def app() -> Iterator[App]:
    with App("memory://") as app:
        yield app


def add(a: int, b: int = 2) -> int:
    return a + b


def finish_all(app: App, value: object) -> None:
    asyncio.run_coroutine_threadsafe(finish(app, value), background_loop()).result(10)


def asynchronous(cls: type) -> list[str]:
    return [
        name
        for name, member in vars(cls).items()
        if not name.startswith("_") and (inspect.iscoroutinefunction(member) or inspect.isasyncgenfunction(member))
    ]


@pytest.mark.parametrize("cls", [App, Task, JobHandle, Queues, Records, Schedules])
def test_every_async_method_has_a_twin_with_its_parameters(cls: type) -> None:
    names = set(asynchronous(cls)) - FOR_WORKERS
    assert names
    for name in names:
        method, twin = getattr(cls, name), getattr(cls, f"{name}_sync")
        assert inspect.signature(twin).parameters == inspect.signature(method).parameters
        assert not inspect.iscoroutinefunction(twin)
        assert twin.__name__ == f"{name}_sync"


def test_the_twins_do_what_the_methods_do(app: App) -> None:
    task = app.task(add)
    job = task.enqueue_sync(1)
    assert job.status_sync() == Status.QUEUED
    assert job.peek_sync() is None
    finish_all(app, 3)
    assert job.result_sync(5) == 3
    assert job.outcome_sync().is_success
    assert [update.value for update in job.updates_sync()] == ["queued", "running", "completed"]
    assert [handle.id for handle in app.enqueue_many_sync([task.call(1)])] != [job.id]
    assert app.enqueue_by_name_sync("add", {"a": 1}).cancel_sync() is True
    assert app.records.scan_sync("none") == []


def test_errors_come_through(app: App) -> None:
    with pytest.raises(ArgumentError):
        app.task(add).enqueue_sync("x")  # type: ignore[arg-type]
    with pytest.raises(JobNotFound):
        app.job(new_id()).info_sync()
    with pytest.raises(ResultTimeout):
        app.tasks["add"].opts(wait="10ms").run_sync(1)


async def test_inside_a_running_loop_they_refuse() -> None:
    app = App("memory://")
    task = app.task(add)
    with pytest.raises(RunningLoopError, match=r"Task\.run_sync\(\) would block.*await Task\.run\(\) instead"):
        task.run_sync(1)
    with pytest.raises(RunningLoopError, match=r"JobHandle\.updates_sync"):
        task.job(new_id()).updates_sync()
    with pytest.raises(RunningLoopError):
        app.close_sync()


def test_threads_share_one_background_loop(app: App) -> None:
    task = app.task(add)
    jobs: list[JobHandle[int]] = []
    threads = [threading.Thread(target=lambda: jobs.append(task.enqueue_sync(1))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len({job.id for job in jobs}) == 20
    assert sum(thread.name == "abaca-sync" for thread in threading.enumerate()) == 1


def test_a_reader_that_stops_early_leaves_no_subscription(app: App) -> None:
    updates = app.task(add).enqueue_sync(1).updates_sync()
    assert next(updates).value == "queued"
    updates.close()  # type: ignore[attr-defined]

    async def others() -> set[str]:
        return {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}

    assert asyncio.run_coroutine_threadsafe(others(), background_loop()).result(10) == set()


def run_script(tmp_path: Path, url: str, body: str) -> list[str]:
    """Run a program with a task `add` and an app on `url`; answer the lines it printed."""
    script = tmp_path / "program.py"
    head = """
        import multiprocessing, os, sys
        from abaca import App
        app = App(sys.argv[1] if len(sys.argv) > 1 else None)
        @app.task
        def add(a: int) -> int:
            return a
        def enqueue_in_child(n):
            print("child", add.enqueue_sync(n).status_sync(), flush=True)
    """
    script.write_text(textwrap.dedent(head) + textwrap.dedent(body))
    run = subprocess.run([sys.executable, "-W", "error", script, url], capture_output=True, text=True, timeout=50)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.splitlines()


FORK = """
    first = add.enqueue_sync(0)
    pid = os.fork()
    if pid == 0:
        enqueue_in_child(1)
        print("child sees", first.status_sync(), flush=True)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    print("parent", add.enqueue_sync(2).status_sync(), flush=True)
    import asyncio
    from abaca.model import Query
    async def count():
        async with app:
            return len((await (await app.backend()).find(Query())).jobs)
    print("stored", asyncio.run(count()))
    app.close_sync()
"""

SPAWN = """
    if __name__ == "__main__":
        add.enqueue_sync(0)
        os.environ["ABACA_URL"] = app.url
        child = multiprocessing.get_context("spawn").Process(target=enqueue_in_child, args=(1,))
        child.start()
        child.join(40)
        print("exit", child.exitcode)
        app.close_sync()
"""


def test_a_forked_child_has_connections_of_its_own(tmp_path: Path, sqlite_url: str) -> None:
    assert run_script(tmp_path, sqlite_url, FORK) == ["child queued", "child sees queued", "parent queued", "stored 3"]


def test_a_forked_child_has_connections_of_its_own_on_redis(tmp_path: Path, redis_url: str) -> None:
    assert run_script(tmp_path, redis_url, FORK) == ["child queued", "child sees queued", "parent queued", "stored 3"]


def test_a_spawned_child_works(tmp_path: Path, sqlite_url: str) -> None:
    assert run_script(tmp_path, sqlite_url, SPAWN) == ["child queued", "exit 0"]


def test_a_call_can_be_made_before_a_loop_is_there(app: App) -> None:
    call: Call[int] = app.task(add).call(1)
    assert app.enqueue_many_sync([call])[0].id == call.job.id
