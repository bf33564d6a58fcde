"""A job that becomes due while a claim is held open."""

from __future__ import annotations

import asyncio
import time

import pytest
import redis.asyncio

from abaca.backends import open_backend
from abaca.codec import new_id
from abaca.model import Lease, NewJob, Want
from tests.integration.crew import eventually


async def test_a_held_claim_is_answered_when_a_job_delayed_after_it_began_comes_due(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a held claim that has asked and found nothing, and would not ask again before a minute is over
    monkeypatch.setattr("abaca.backends.redis.hold._ASK_AGAIN", 60.0)
    store = open_backend(redis_url)
    await store.open()
    want = Want(queues=("default",), slots={"async": 1}, hold_ms=30_000)
    held = asyncio.create_task(store.exchange([], want, Lease(worker="w", ms=60_000)))
    async with redis.asyncio.Redis.from_url(redis_url) as client:

        async def is_held() -> object | None:
            return await client.keys("abaca:{00}:v:*") or None

        await eventually(is_held)
    # When a job comes that is due in 150 ms
    began = time.monotonic()
    await store.insert([NewJob(id=new_id(), task="t", lane="async", delay_ms=150)])
    answer = await held
    # Then the claim is answered at that time, not at its next look
    assert len(answer.jobs) == 1
    assert 0.14 < time.monotonic() - began < 10
    await store.close()
