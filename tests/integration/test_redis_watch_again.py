"""Watches that are let go and taken up again, and those of a server that turned everybody away for a while."""

from __future__ import annotations

import asyncio

import redis

from abaca.backends import open_backend
from abaca.codec import new_id
from abaca.model import NewJob, job_topic
from tests.conftest import MakeRedis
from tests.integration.crew import eventually


async def test_a_topic_watched_again_before_its_release_was_sent_is_ready_at_once(redis_url: str) -> None:
    # Given a confirmed watch that is closed
    store = open_backend(f"{redis_url}?timeout=50")
    await store.open()
    topic = job_topic("0" * 32)
    first = await store.watch([topic])
    await first.close()
    # When the same topic is watched again before the loop has turned
    async with asyncio.timeout(20):
        second = await store.watch([topic])
    # Then it is confirmed, and nothing waited for a time-out
    await second.close()
    await store.close()


async def test_a_watch_hears_again_once_the_server_lets_it_in_again(make_redis: MakeRedis) -> None:
    # Given a watch, and a server that comes back with a password that nobody here knows
    server = make_redis()
    store = open_backend(server.url)
    await store.open()
    job = NewJob(id=new_id(), task="t")
    watch = await store.watch([job_topic(job.id)])
    server.restart(requirepass="secret")
    with redis.Redis(port=server.port, password="secret") as operator:

        async def turned_away() -> bool | None:
            return "NOAUTH" in str(await asyncio.to_thread(operator.info, "errorstats")) or None

        await eventually(turned_away)
        # When the password is taken away again, and the job changes
        operator.config_set("requirepass", "")
    while (hint := await watch.next(20)) is not None and hint.job is None:  # that the subscription was made anew
        await store.insert([job])
        await store.cancel([job.id])
    # Then the watch hears of it, with the ended job
    assert hint is not None
    assert hint.job is not None
    await watch.close()
    await store.close()
