"""Callbacks with a worker, on every store: in the write that ends the job, once, with its outcome."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from abaca import App, JobEnd, Query, Retry, Snooze, Status
from abaca.model import Job, Lease, Settle, State, Verdict, Want
from abaca.policy.outcome import Returned
from abaca.worker.judging import judge
from tests.worker.harness import until


class Told:
    """An app whose callbacks write down what they are told."""

    def __init__(self, url: str) -> None:
        self.app = App(url)
        self.ends: list[tuple[str, JobEnd[Any]]] = []
        self.snoozed: set[str] = set()

        @self.app.task
        async def good(end: JobEnd[dict[str, int]], note: str = "good") -> None:
            self.ends.append((note, end))

        @self.app.task
        def bad(end: JobEnd[object]) -> None:
            self.ends.append(("bad", end))

        @self.app.task(on_success=good, on_failure=bad, retry=Retry(max_attempts=2, backoff="none"))
        async def work(n: int, *, fail: bool = False, snooze: bool = False) -> dict[str, int]:
            if fail:
                raise ValueError(f"no {n}")
            if snooze and "once" not in self.snoozed:
                self.snoozed.add("once")
                raise Snooze(0.01)
            return {"n": n}

        self.good, self.bad, self.work = good, bad, work

    async def has(self, count: int) -> None:
        await until(lambda: len(self.ends) >= count, f"{count} callbacks ran")


@pytest.fixture
def told(store_url: str) -> Told:
    return Told(store_url)


async def test_a_completion_calls_back_with_its_result(told: Told) -> None:
    # Given a job with one more callback of its own
    async with told.app as app, app.worker():
        job = await told.work.opts(on_success=told.good.callback("mine")).enqueue(7)
        # When it completes
        await told.has(2)
        found = await app.find(Query(parent=f"job:{job.id}"))
    # Then both are told its result, as the declared type
    ends = dict(told.ends)
    assert ends["good"] == ends["mine"]
    assert (ends["good"].job_id, ends["good"].status, ends["good"].result) == (job.id, Status.COMPLETED, {"n": 7})
    # And they can be found by the job
    assert {each.spec.task for each in found.jobs} == {"good"}


async def test_a_failure_calls_back_after_its_last_attempt(told: Told) -> None:
    async with told.app as app, app.worker():
        # When a job fails and fails again
        job = await told.work.enqueue(7, fail=True)
        await told.has(1)
        # Then one callback is told of it
        (name, end), *others = told.ends
    assert (name, others) == ("bad", [])
    assert (end.job_id, end.status, end.attempts, end.result) == (job.id, Status.FAILED, 2, None)
    assert end.error is not None
    assert (end.error.type, end.error.message) == ("builtins.ValueError", "no 7")


async def test_a_run_that_goes_back_calls_nobody_until_it_ends(told: Told) -> None:
    async with told.app as app, app.worker():
        await told.work.enqueue(3, snooze=True)
        await told.has(1)
    assert [(name, end.attempts) for name, end in told.ends] == [("good", 1)]


async def test_a_cancelled_job_calls_nobody(told: Told) -> None:
    async with told.app as app:
        job = await told.work.enqueue(1)
        await job.cancel()
        assert (await app.find(Query(parent=f"job:{job.id}"))).jobs == []


async def test_a_requeued_job_calls_back_once_more(told: Told) -> None:
    async with told.app as app, app.worker():
        job = await told.work.enqueue(1)
        await told.has(1)
        await job.requeue()
        await told.has(2)
        found = await app.find(Query(parent=f"job:{job.id}"))
    assert len({each.id for each in found.jobs}) == 2


async def claim(app: App) -> Job:
    want = Want(queues=("default",), slots={"async": 1, "thread": 1})
    return (await (await app.backend()).exchange([], want, Lease(worker="w", ms=60_000))).jobs[0]


async def test_a_settle_that_is_sent_again_inserts_once(told: Told) -> None:
    # Given a run whose settle got through although its reply was lost
    async with told.app as app:
        job = await told.work.enqueue(7)
        run = await claim(app)
        settle = Settle(id=job.id, epoch=run.epoch, to=judge(run, Returned(result=b'{"n":7}')))
        backend = await app.backend()
        lease = Lease(worker="w", ms=60_000)
        first = await backend.exchange([settle], None, lease)
        # When it is sent again, also after what follows has been claimed and has ended
        again = await backend.exchange([settle], None, lease)
        follower = await claim(app)
        await backend.exchange(
            [Settle(id=follower.id, epoch=1, to=judge(follower, Returned(result=b"null")))], None, lease
        )
        late = await backend.exchange([settle], None, lease)
        # Then it is the same settle, and one job follows
        assert first.verdicts == again.verdicts == late.verdicts == [Verdict.APPLIED]
        found = await app.find(Query(parent=f"job:{job.id}"))
        assert [each.state for each in found.jobs] == [State.COMPLETED]


async def test_a_stale_settle_inserts_nothing(told: Told) -> None:
    # Given a run that was settled by another
    async with told.app as app:
        job = await told.work.enqueue(7)
        run = await claim(app)
        backend, lease = await app.backend(), Lease(worker="w", ms=60_000)
        one = Settle(id=job.id, epoch=run.epoch, to=judge(run, Returned(result=b'{"n":7}')))
        other = Settle(id=job.id, epoch=run.epoch, to=judge(run, Returned(result=b'{"n":8}')))
        # When both ends arrive
        verdicts = [(await backend.exchange([each], None, lease)).verdicts[0] for each in (one, other)]
        # Then only the first has a follower, which is told that end
        assert verdicts == [Verdict.APPLIED, Verdict.STALE]
        assert len((await app.find(Query(parent=f"job:{job.id}"))).jobs) == 1
        async with app.worker():
            await told.has(1)
    assert [end.result for _, end in told.ends] == [{"n": 7}]


async def test_many_jobs_each_call_back_once(told: Told) -> None:
    async with told.app as app, app.worker():
        jobs = await app.enqueue_many(told.work.call(n) for n in range(200))
        await asyncio.wait_for(told.has(200), 50)
    assert sorted(end.job_id for _, end in told.ends) == sorted(job.id for job in jobs)
