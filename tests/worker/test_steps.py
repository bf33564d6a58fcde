"""Durable steps, sleeps and events in a worker, over a store."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from abaca import Ctx, DuplicateStep, Retry
from abaca.backends.memory import MemoryBackend
from abaca.clock import ManualClock
from abaca.model import EVENT, Kind, State, event_id
from abaca.policy.decide import memo_of
from abaca.testing import FailingBackend
from tests.worker.harness import ONCE, TWICE, Stage, soon, until


@dataclass
class Receipt:
    id: str
    cents: int


async def test_a_step_is_not_called_again_by_a_later_run(stage: Stage) -> None:
    # Given a handler that fails after its first step, in its first run
    calls: list[str] = []
    seen: list[Receipt] = []

    async def charge(who: str, cents: int = 5) -> Receipt:
        calls.append(who)
        return Receipt(f"r-{who}", cents)

    @stage.task
    async def buy(ctx: Ctx) -> str:
        receipt = await ctx.step("charge", charge, "ann", cents=7)
        seen.append(receipt)
        if ctx.attempt == 1:
            raise OSError("later")
        return receipt.id

    # When it runs to its end
    async with stage.worker():
        job = await stage.ended(await stage.submit(buy, retry=TWICE))

    # Then the step was called once, and both runs had the same value of its type
    assert (job.state, job.result) == (State.COMPLETED, b'"r-ann"')
    assert calls == ["ann"]
    assert seen == [Receipt("r-ann", 7), Receipt("r-ann", 7)]


async def test_a_sync_step_in_a_thread_is_kept_and_a_plain_one_in_a_coroutine(stage: Stage) -> None:
    # Given handlers in both pools with a plain function as their step
    calls: list[str] = []

    def add(who: str, n: int) -> int:
        calls.append(who)
        return n + 1

    @stage.task
    def threaded(ctx: Ctx) -> int:
        n = ctx.step_sync(("add", 1), add, "thread", 1)
        if ctx.attempt == 1:
            raise OSError
        return n + ctx.step_sync(("add", 2), add, "thread", 10)

    @stage.task
    async def coroutine(ctx: Ctx) -> int:
        n = await ctx.step("add", add, "coroutine", 1)
        if ctx.attempt == 1:
            raise OSError
        return n

    # When both run twice
    async with stage.worker():
        ids = [await stage.submit(task, retry=TWICE) for task in (threaded, coroutine)]
        jobs = await stage.all_ended(ids)

    # Then each step was called once
    assert [job.result for job in jobs] == [b"13", b"2"]
    assert sorted(calls) == ["coroutine", "thread", "thread"]
