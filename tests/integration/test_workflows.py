"""Workflows on every store, under a worker in this program and under worker processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from abaca import App, JobFailed, JobHandle, Status, Workflow, all_of, group, maybe
from tests.integration import flows
from tests.integration.crew import crew, lines
from tests.integration.flows import double, fetch, present, square, total
from tests.worker.harness import until

PATIENCE = 40


def at(url: str, monkeypatch: pytest.MonkeyPatch) -> App:
    """The app of ``flows`` on this store, for one test."""
    monkeypatch.setattr(flows.app, "_stores", App(url)._stores)
    monkeypatch.setattr(flows.app, "url", url)
    return flows.app


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch, store_url: str) -> App:
    """On each store in turn."""
    return at(store_url, monkeypatch)


async def test_results_go_through_every_pool(on: App) -> None:
    # Given a worker in this program
    async with on, on.worker(process_slots=1):
        # When a group leads through a process and a thread to a coroutine
        made = group(fetch.call(n) for n in range(50)).then(total).then(double).then(fetch)
        # Then each got the one before's result
        assert await made.run(PATIENCE) == 2 * sum(range(50))


async def test_a_graph_runs_as_its_edges_say(on: App, tmp_path: Path) -> None:
    # Given a graph one branch of which fails: what waits for it, what makes good, what runs anyway
    path = str(tmp_path / "open")
    flow = Workflow("order")
    first = flow.add(fetch.call(3))
    squared = flow.add(square, first)
    fails = flow.add(flows.gate, first, path)
    behind = flow.add(double, fails)
    undo = flow.add(flows.note.call(1, str(tmp_path / "undone"))).after(fails, when="failed")
    unused = flow.add(flows.note.call(2, str(tmp_path / "undone"))).after(squared, when="failed")
    anyway = flow.add(present, all_of([maybe(squared), maybe(fails)]))
    async with on, on.worker(process_slots=1):
        handle = await flow.enqueue()
        # When it has ended
        with pytest.raises(JobFailed, match=behind.id):
            await handle.result(PATIENCE)
        # Then each member is as its edges say
        found = {job.id: job async for job in handle.members()}
        states = {id: job.status for id, job in found.items()}
        assert await handle.status() is Status.FAILED
        assert states == {
            first.id: Status.COMPLETED,
            squared.id: Status.COMPLETED,
            fails.id: Status.FAILED,
            behind.id: Status.CANCELLED,
            undo.id: Status.COMPLETED,
            unused.id: Status.CANCELLED,
            anyway.id: Status.COMPLETED,
        }
        assert await flow.job(anyway).result() == 1
        # And requeued, with what it failed for mended, it completes
        Path(path).touch()
        assert await handle.requeue() == 5
        await handle.result(PATIENCE)
        assert await flow.job(behind).result() == 6
        assert await flow.job(anyway).result() == 2
        assert await flow.job(undo).status() is Status.CANCELLED
        assert (tmp_path / "undone").read_text().split() == ["1"]


async def test_a_job_waits_for_one_that_is_stored(on: App) -> None:
    async with on:
        first = await fetch.enqueue(1)
        second = await fetch.opts(after=first).enqueue(2)
        assert await second.status() is Status.BLOCKED
        async with on.worker(process_slots=1):
            assert await second.result(PATIENCE) == 2
        assert (await first.info()).ended_at <= (await second.info()).claimed_at  # type: ignore[operator]


async def _is_older(handle: JobHandle[int], micros: int) -> bool:
    job = await handle.info()
    return job.seen_at > job.created_at + micros


async def test_a_job_that_expired_is_cancelled_with_the_reason(on: App) -> None:
    # Given a job that nobody claimed in time, and one that has time
    async with on:
        late = await fetch.opts(expires="1ms").enqueue(1)
        in_time = await fetch.opts(expires="1h").enqueue(2)
        await until(lambda: _is_older(late, 1_000), "the time of the first is over")
        # When a worker comes
        async with on.worker(process_slots=1):
            assert await in_time.result(PATIENCE) == 2
            outcome = await late.outcome(PATIENCE)
    # Then the first was not run
    assert (outcome.status, outcome.attempts) == (Status.CANCELLED, 0)
    assert outcome.error is not None
    assert outcome.error.type == "abaca.JobExpired"


async def test_a_paused_task_holds_its_jobs_and_no_others(on: App) -> None:
    # Given a paused task, with work for it and for another
    async with on:
        await on.task_control.pause("fetch")
        held = await fetch.enqueue(1)
        async with on.worker(process_slots=1):
            assert await double.opts(wait=PATIENCE).run(4) == 8
            assert await held.status() is Status.BLOCKED
            # When it is resumed
            await on.task_control.resume("fetch")
            # Then its job runs
            assert await held.result(PATIENCE) == 1


async def test_a_large_group_is_joined_once(on: App) -> None:
    # Given two thousand members
    async with on, on.worker(concurrency=200, process_slots=1):
        handle = await group(fetch.call(n) for n in range(2000)).enqueue()
        # When they have ended
        await handle.result(PATIENCE)
        # Then all results are there, in order, and the join ran once
        assert [result.value async for result in handle.results()] == list(range(2000))
        assert (await handle.final.info()).epoch == 1


@pytest.mark.chaos
@pytest.mark.timeout(120)
async def test_worker_processes_run_workflows_through_crashes(
    shared_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given two workers, and a graph of which one member kills its process twice
    async with at(shared_url, monkeypatch) as app:
        await app.backend()
        flow = Workflow()
        died = flow.add(flows.die_twice, flow.add(fetch.call(20)), str(tmp_path / "deaths"))
        last = flow.add(square, died)
        with crew(shared_url, 2, "tests.integration.flows:app", lease="3s", concurrency="20"):
            crashed = await flow.enqueue()
            wide = await group(fetch.call(n) for n in range(300)).then(total).then(double).enqueue()
            # When they are through
            assert await wide.result(PATIENCE) == 2 * sum(range(300))
            await crashed.result(PATIENCE)
            # Then the member that died got its parent's result in quarantine too
            assert await flow.job(last).result() == 21 * 21
            assert await lines(tmp_path / "deaths", 3) == ["20", "20", "20"]
            assert {job.status async for job in crashed.members()} == {Status.COMPLETED}
