"""What docs/observability.md says of listening with redis-cli."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from abaca import App
from tests.servers import RedisServer

pytestmark = pytest.mark.skipif(shutil.which("redis-cli") is None, reason="redis-cli is not here")


@contextmanager
def listening(url: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["redis-cli", "-u", url, *words], stdout=subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(3):  # the subscription is confirmed
        process.stdout.readline()
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


def test_two_subscriptions_hear_of_a_job(redis_server: RedisServer) -> None:
    # Given a task, and somebody who listens as the page says
    app = App(redis_server.url)

    @app.task
    async def add(a: int, b: int) -> int:
        return a + b

    first = listening(redis_server.url, "SUBSCRIBE", "abaca:{00}:J")
    with first, listening(redis_server.url, "PSUBSCRIBE", "abaca:{00}:[JT]:*") as heard:
        # When a job is enqueued and nobody waits for it
        job = add.enqueue_sync(1, 2)
        assert heard.stdout is not None
        lines = iter(heard.stdout.readline, b"")
        # Then they hear that it can be claimed
        assert any(b"abaca:{00}:T:queue:default" in line for line in lines)
        # And of the job itself, when it ends
        job.cancel_sync()
        assert any(b"abaca:{00}:J:" in line for line in lines)
    app.close_sync()
