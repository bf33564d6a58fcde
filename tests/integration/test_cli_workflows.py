"""The command line on workflows, on settings of tasks, and on tenants and aging of queues."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from abaca import App, Status, WorkflowHandle, group
from abaca.cli import main
from abaca.codec import new_id
from abaca.model import NewJob
from abaca.policy.builtin import JOIN
from tests.unit.face import claim, returned, settle

Say = Callable[..., str]


@pytest.fixture
def say(sqlite_url: str, capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs a command on the store of this test, which must go well; answers what it prints."""
    asyncio.run(_make(sqlite_url))

    def run(*words: str) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([*words, "--url", sqlite_url])
        said = capsys.readouterr()
        assert left.value.code == 0, said.err
        return said.out + said.err

    return run


async def _make(url: str) -> None:
    async with App(url) as app:
        await app.backend()


async def fetch(n: int) -> int:
    return n


async def total(ns: list[int]) -> int:
    return sum(ns)


def a_workflow(url: str) -> WorkflowHandle[int]:
    """Four members, of which one has ended, lead to a fifth job."""

    async def store() -> WorkflowHandle[int]:
        async with App(url) as app:
            one, all_of_them = app.task(fetch), app.task(total)
            handle = await group(one.call(n) for n in range(4)).then(all_of_them).enqueue()
            jobs = await claim(app)
            await settle(app, jobs[0], returned(1))
            return handle

    return asyncio.run(store())


def test_a_job_is_shown_with_its_place_in_its_workflow(say: Say, sqlite_url: str) -> None:
    # Given a workflow that has begun
    id = a_workflow(sqlite_url).id
    # When its final job is shown, for people and for machines
    shown, read = say("jobs", "show", id), json.loads(say("jobs", "show", id, "--json"))
    # Then it says whom it waits for, and how many of them have not ended
    assert "3 open" in shown
    assert "completed, into ns: " in shown
    assert "and 1 more" in shown
    assert (read["workflow"], read["open_parents"], read["unmet"], read["status"]) == (id, 3, 0, Status.BLOCKED)
    assert len(read["after"][0]["ids"]) == 4
    member = json.loads(say("jobs", "show", read["after"][0]["ids"][0], "--json"))
    assert member["workflow"] == id
    # And its members are found by its id
    members = json.loads(say("jobs", "--workflow", id, "--json"))["jobs"]
    assert {job["id"] for job in members} == {id, *read["after"][0]["ids"]}


def test_tasks_are_paused_limited_and_listed(say: Say) -> None:
    # When settings are given and taken
    limited = say("tasks", "limit", "render", "3", "--rate", "60", "--period", "1m")
    paused = say("tasks", "pause", "render")
    listed, read = say("tasks"), json.loads(say("tasks", "--json"))
    resumed = say("tasks", "resume", "render")
    open_again = say("tasks", "limit", "render")
    # Then each says how the task is now
    assert "3 at once, 60 starts in 60 s" in limited
    assert "paused, 3 at once" in paused
    assert "render" in listed
    assert [(one["name"], one["paused"], one["concurrency"], one["workers"]) for one in read] == [
        ("render", True, 3, 0)
    ]
    assert "paused" not in resumed
    assert "open" in open_again
    assert "no task has settings" in say("tasks")


def test_tenants_are_weighed_and_queues_age(say: Say, sqlite_url: str) -> None:
    a_workflow(sqlite_url)
    say("queues", "weigh", "default", "acme", "3")
    aging = say("queues", "age", "default", "on")
    (read,) = json.loads(say("queues", "--json"))["queues"]
    assert "weights acme:3, ages" in aging
    assert "weights acme:3, ages" in say("queues")
    assert (read["weights"], read["aging"], read["blocked"]) == ({"acme": 3}, True, 1)
    assert "ages" not in say("queues", "age", "default", "off")


def test_a_queue_is_bounded_by_a_wait_and_told_what_to_do_when_it_is_full(say: Say, sqlite_url: str) -> None:
    a_workflow(sqlite_url)
    bounded = say("queues", "limit-wait", "default", "30s")
    sheds = say("queues", "overflow", "default", "shed-lowest")
    (read,) = json.loads(say("queues", "--json"))["queues"]
    assert "for 30 s at most" in bounded
    assert "for 30 s at most, overflow shed-lowest" in sheds
    assert (read["max_wait_ms"], read["overflow"]) == (30_000, "shed-lowest")
    say("queues", "overflow", "default", "reject")
    assert "open" in say("queues", "limit-wait", "default")


def test_the_end_of_a_workflow_that_no_worker_serves_says_why(say: Say, sqlite_url: str) -> None:
    # Given the job in which a workflow ends, and a worker of another queue
    async def look() -> str:
        async with App(sqlite_url) as app, app.worker(queues=("far",)):
            job = NewJob(id=new_id(), task=JOIN, lane="async")
            await (await app.backend()).insert([job])
            # When somebody asks for it
            return await asyncio.to_thread(say, "jobs", "show", job.id, "--json")

    # Then the queue is the reason, as for any job
    assert "does not serve the queue 'default'" in json.loads(asyncio.run(look()))["why"]["sentence"]
