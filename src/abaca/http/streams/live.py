"""What the live streams of one service share."""

from __future__ import annotations

import asyncio

from abaca.http.service import Service
from abaca.http.streams.feed import Feed


class Live:
    """The feed, and the word that the service ends, which ends every stream."""

    def __init__(self, service: Service) -> None:
        self.feed = Feed(service.app.backend)
        self.ending = asyncio.Event()

    async def close(self) -> None:
        self.ending.set()
        await self.feed.close()
