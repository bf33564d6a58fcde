"""A topic that is let go and taken up again at once."""

from __future__ import annotations

import asyncio

from abaca.backends import open_backend
from abaca.model import job_topic


async def test_a_topic_watched_again_before_its_release_was_sent_is_ready_at_once(redis_url: str) -> None:
    # Given a confirmed watch that is closed
    store = open_backend(redis_url)
    await store.open()
    topic = job_topic("0" * 32)
    first = await store.watch([topic])
    await first.close()
    # When the same topic is watched again before the loop has turned
    async with asyncio.timeout(2):
        second = await store.watch([topic])
    # Then it is confirmed, and nothing waited for a time-out
    await second.close()
    await store.close()
