"""Callers that give up in mid-reply. RELIABILITY N9: the next command on the connection never reads the last reply."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from abaca import App, Record
from abaca.backends.redis import RedisBackend, from_url
from abaca.codec import new_id
from abaca.model import Beat, Lease, NewJob, Settle, State, Transition, Verdict, Want
from tests.integration.crew import eventually
from tests.servers import RedisServer

pytestmark = [pytest.mark.redis, pytest.mark.timeout(60)]
LEASE = Lease(worker="w", ms=600_000)
CANCELS = 1_000
RECORDS = 64


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RedisBackend]:
    backend = from_url(redis_url, None)
    await backend.open()
    yield backend
    await backend.close()


async def some_turns(random: random.Random) -> None:
    """Long enough for the call to be anywhere: not begun, on the wire, half answered, done."""
    for _ in range(random.randrange(12)):
        await asyncio.sleep(0)
    if random.random() < 0.5:
        await asyncio.sleep(random.uniform(0, 0.001))  # sleeps: a random moment of the round trip


async def test_a_reply_that_nobody_waits_for_is_never_anothers(store: RedisBackend, redis_server: RedisServer) -> None:
    # Given records that each hold their own name, some of them large, so that a reply takes several reads
    chance = random.Random(9)
    data = {f"r{n}": f"r{n}".encode() * chance.choice((1, 1000, 20_000)) for n in range(RECORDS)}
    await store.put([Record(kind="nonce", id=id, data=value) for id, value in data.items()])
    connections = str(redis_server.command("CLIENT", "LIST")).count("\n")

    async def ask(id: str) -> None:
        (record,) = await store.read("nonce", [id])
        assert record is not None
        assert (record.id, record.data) == (id, data[id])

    # When a thousand calls are cancelled in mid-flight, each followed at once by another on the same connection
    cancelled = 0
    while cancelled < CANCELS:
        ids = chance.choices(list(data), k=8)
        calls = [asyncio.create_task(ask(id)) for id in ids]
        await some_turns(chance)
        for call in calls[::2]:
            cancelled += call.cancel()
        # Then whoever was not cancelled got his own record, and so does the next
        await ask(chance.choice(ids))
        for call, answer in zip(calls, await asyncio.gather(*calls, return_exceptions=True), strict=True):
            assert answer is None or (isinstance(answer, asyncio.CancelledError) and call in calls[::2]), answer
    # And no connection was left behind
    assert str(redis_server.command("CLIENT", "LIST")).count("\n") <= connections + 2


async def test_settles_and_beats_that_are_given_up_change_nothing_for_the_others(store: RedisBackend) -> None:
    """Verdicts come in order, so a reply of another call would be a verdict about another job."""
    chance = random.Random(10)
    jobs = [NewJob(id=new_id(), task="t") for _ in range(400)]
    await store.insert(jobs)
    want = Want(queues=("default",), slots={"": 1000})
    held = (await store.exchange([], want, LEASE)).jobs
    assert len(held) == len(jobs)
    done = Transition(target=State.COMPLETED, attempts=1, result=b"1", keep_ms=60_000)
    for job in held:
        # When one of three calls at once is cancelled
        settle = Settle(id=job.id, epoch=job.epoch, to=done)
        stale = Settle(id=job.id, epoch=job.epoch + 7, to=done)
        calls: list[asyncio.Task[Any]] = [
            asyncio.create_task(store.exchange([settle], None, LEASE)),
            asyncio.create_task(store.exchange([stale], None, LEASE)),
            asyncio.create_task(store.beat(None, [Beat(id=job.id, epoch=job.epoch + 7)], LEASE)),
        ]
        await some_turns(chance)
        calls[chance.randrange(3)].cancel()
        answers: list[Any] = await asyncio.gather(*calls, return_exceptions=True)
        first, second, third = answers
        # Then the others have their own verdicts
        assert isinstance(first, asyncio.CancelledError) or first.verdicts == [Verdict.APPLIED]
        assert isinstance(second, asyncio.CancelledError) or second.verdicts == [Verdict.STALE]
        assert isinstance(third, asyncio.CancelledError) or [p.alive for p in third] == [False]
        # And the settle can be repeated, whether or not it got there
        assert (await store.exchange([settle], None, LEASE)).verdicts == [Verdict.APPLIED]
    assert {job.state for job in await store.get([job.id for job in jobs]) if job} == {State.COMPLETED}


async def test_waits_and_enqueues_that_are_given_up_leave_the_client_sound(redis_url: str) -> None:
    chance = random.Random(11)
    async with App(redis_url, poll_interval=60) as app:

        @app.task
        async def echo(n: int) -> int:
            return n

        async with app.worker(concurrency=20):
            # When runs are cancelled at random moments
            for round in range(100):
                runs = [asyncio.create_task(echo.opts(wait=40).run(round * 10 + n)) for n in range(10)]
                await some_turns(chance)
                for run in runs[::2]:
                    run.cancel()
                answers = await asyncio.gather(*runs, return_exceptions=True)
                # Then each of the others gets its own number
                for n, answer in enumerate(answers):
                    assert answer == round * 10 + n or (n % 2 == 0 and isinstance(answer, asyncio.CancelledError))
            # And whatever was stored, given up or not, comes to its end

            async def all_ended() -> bool | None:
                stats = await app.stats()
                return True if (stats.queues, stats.running) == ([], 0) else None

            await eventually(all_ended)
