"""Reading what is stored of a job while it grows."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

from abaca.backend import Backend, Watch
from abaca.client import Client
from abaca.errors import BackendUnavailable
from abaca.model import job_topic
from abaca.waiting import FIRST_PAUSE, LONGEST_PAUSE

P = TypeVar("P")

UNHURRIED = 50
"""How many followers each look once in the client's poll interval. Of more, each looks that much more rarely: a hint
tells them of news, and what looks for a lost one must not grow with those who wait."""

Read = Callable[[Backend], Awaitable[tuple[P, bool]]]
"""Reads on from where the reader is; answers the part, and whether to read on at once."""


async def follow(client: Client, id: str, read: Read[P]) -> AsyncGenerator[P, None]:
    """The parts that ``read`` answers, until the caller closes it: subscribed first, then read, then waited for a hint.

    While the store is away it waits and reads again. Anything else that ``read`` raises goes to the caller.
    """
    pause = FIRST_PAUSE
    client.followers += 1
    try:
        while True:
            watch: Watch | None = None
            try:
                backend = await client.backend()
                watch = await backend.watch([job_topic(id)])
                while True:
                    part, at_once = await read(backend)
                    pause = FIRST_PAUSE
                    yield part
                    if not at_once:
                        await watch.next(client.poll_interval * max(1.0, client.followers / UNHURRIED))
            except BackendUnavailable:
                await asyncio.sleep(pause * (0.5 + random.random()))
                pause = min(pause * 2, LONGEST_PAUSE)
            finally:
                if watch is not None:
                    await watch.close()
    finally:
        client.followers -= 1
