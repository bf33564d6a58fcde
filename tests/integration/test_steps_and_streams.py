"""Durable steps, sleeps, events and streams on every store, with the app's own worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pydantic
import pytest

from abaca import App, Ctx, EventTimeout, JobConflict, Retry, Status
from tests.integration.crew import eventually

TWICE = Retry(max_attempts=2, backoff="none")


class Approval(pydantic.BaseModel):
    by: str
    amount: int


@dataclass
class Charge:
    id: str


async def test_steps_are_kept_over_a_retry(store_url: str) -> None:
    # Given a job that fails between two steps
    async with App(store_url) as app:
        calls: list[str] = []

        def charge(who: str) -> Charge:
            calls.append(f"charge {who}")
            return Charge(f"c-{who}")

        async def mail(who: str) -> Approval:
            calls.append(f"mail {who}")
            return Approval(by=who, amount=3)

        @app.task(retry=TWICE)
        async def order(ctx: Ctx, who: str) -> str:
            charged = await ctx.step("charge", charge, who)
            if ctx.attempt == 1:
                raise OSError
            approval = await ctx.step("mail", mail, who)
            return f"{charged.id} {approval.by} {approval.amount} {ctx.step_key('charge') == ctx.job_id + ':charge'}"

        # When it is run
        async with app.worker():
            result = await order.opts(wait=30).run("ann")

    # Then each step was done once
    assert result == "c-ann ann 3 True"
    assert calls == ["charge ann", "mail ann"]


async def test_steps_stay_when_a_failed_job_is_requeued(store_url: str) -> None:
    # Given a job that failed for good after a step
    async with App(store_url) as app:
        calls: list[int] = []
        broken = [True]

        @app.task(retry=Retry(max_attempts=1))
        async def order(ctx: Ctx) -> int:
            await ctx.step("once", calls.append, 1)
            if broken:
                raise OSError
            return len(calls)

        async with app.worker():
            job = await order.enqueue()
            assert (await job.outcome(timeout=30)).is_failed

            # When it is requeued with what was wrong repaired
            broken.clear()
            await job.requeue()
            # Then it goes on behind its step
            assert await job.result(timeout=30) == 1
    assert calls == [1]


async def test_a_sleeping_job_is_scheduled_and_comes_back(store_url: str) -> None:
    # Given a worker with one slot and a job that sleeps twice
    async with App(store_url) as app:
        runs: list[int] = []

        @app.task
        async def naps(ctx: Ctx) -> int:
            runs.append(ctx.fence)
            await ctx.sleep("700ms")
            await ctx.sleep("100ms", name="short")
            return ctx.attempt

        @app.task
        def nothing() -> int:
            return 7

        async with app.worker(concurrency=1):
            job = await naps.enqueue()

            async def sleeps() -> Status | None:
                status = await job.status()
                return status if status is Status.SCHEDULED else None

            # When it sleeps, then another job has the slot, and the sleeper ends in its first charged run
            assert await eventually(sleeps) is Status.SCHEDULED
            assert await nothing.opts(wait=30).run() == 7
            assert await job.result(timeout=30) == 1
        info = await job.info()
    assert (info.attempts, runs) == (1, [1, 2, 3])


@pytest.mark.parametrize("early", [True, False])
async def test_an_event_reaches_the_job_that_waits_for_it(store_url: str, early: bool) -> None:
    # Given a job that waits for an approval, and for one that never comes
    async with App(store_url) as app:

        @app.task
        async def purchase(ctx: Ctx) -> str:
            approval = await ctx.wait_event("approved", timeout="2d", type=Approval)
            try:
                await ctx.wait_event("seconded", timeout="200ms")
            except EventTimeout:
                return f"{approval.by}: {approval.amount}"
            return "seconded"

        job = await purchase.enqueue()
        if early:
            assert await app.send_event(job, "approved", Approval(by="ann", amount=9))
        async with app.worker():
            if not early:

                async def waits() -> bool | None:
                    return (await job.info()).memo != b"" or None

                await eventually(waits)
                # When the event is sent, and another one after it
                assert await job.send_event("approved", Approval(by="ann", amount=9))
            # Then the job has the first one
            assert await job.result(timeout=30) == "ann: 9"
        with pytest.raises(JobConflict):
            await app.send_event(job.id, "approved", Approval(by="bob", amount=1))


async def test_the_second_event_of_a_name_is_told_so(store_url: str) -> None:
    async with App(store_url) as app:

        @app.task
        async def waits(ctx: Ctx) -> str:
            return str(await ctx.wait_event("go"))

        job = await waits.enqueue()
        sent = await asyncio.gather(*(app.send_event(job, "go", n) for n in range(8)))
        assert sum(sent) == 1
        async with app.worker():
            assert await job.result(timeout=30) == str(sent.index(True))


async def test_streams_are_read_live_and_late(store_url: str) -> None:
    # Given a plain and an async generator that fail half way once
    async with App(store_url) as app:

        @app.task(retry=TWICE)
        async def words(ctx: Ctx, count: int) -> AsyncIterator[Charge]:
            for n in range(ctx.resume_from, count):
                if ctx.attempt == 1 and n == count // 2:
                    raise OSError
                if n % 10 == 0:
                    ctx.progress(n, count)
                yield Charge(f"w{n}")

        @app.task(retry=TWICE)
        def lines(ctx: Ctx, count: int) -> Iterator[str]:
            for n in range(ctx.resume_from, count):
                if ctx.attempt == 1 and n == count // 2:
                    raise OSError
                yield f"l{n}"

        async with app.worker():
            # When one is read while it runs, and the other when it is over
            first, second = await words.enqueue(450), await lines.enqueue(450)
            live = [word.id async for word in first.items()]
            assert await second.result(timeout=30) == 450
            late = [line async for line in second.items(after=123)]
    # Then both readers had what they asked for
    assert live == [f"w{n}" for n in range(450)]
    assert late == [f"l{n}" for n in range(123, 450)]
