"""What a run reads while the store is away: it waits, and its lease is kept meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from abaca.errors import BackendUnavailable
from abaca.logs import worker_log

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0


async def patiently(what: str, read: Callable[[], Awaitable[T]], look: Callable[[], None] = lambda: None) -> T:
    """What ``read`` answers, however long it takes. ``look`` is called between two tries and may raise."""
    pause = 0.0
    while True:
        try:
            return await read()
        except BackendUnavailable as error:
            if not pause:
                worker_log().warning(f"store unavailable, reading {what} again", error=str(error))
        pause = min(max(pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))
        look()
