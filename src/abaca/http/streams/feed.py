"""One look at the store for all who watch, at most twice a second, and none while nobody does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from abaca.backend import Backend
from abaca.errors import AbacaError
from abaca.http.streams.picture import Changed, Look, Picture, QueueCounts, changes, counts, look
from abaca.logs import service_log

INTERVAL = 0.5
LONGEST_PAUSE = 5.0
MOST_CHANGED = 200
"""How many changed jobs a picture names."""


class _Reader:
    """What one connection has not had yet. However slow it is, it costs one picture."""

    __slots__ = ("changed", "look", "more", "news", "queue", "task")

    def __init__(self, queue: str | None, task: str | None) -> None:
        self.queue = queue
        self.task = task
        self.news = asyncio.Event()
        self.look: Look | None = None
        self.changed: dict[str, Changed] = {}
        self.more = False

    def tell(self, now: Look, changed: list[Changed]) -> None:
        self.look = now
        for one in changed:
            if self.queue not in (None, one.queue) or self.task not in (None, one.task):
                continue
            if len(self.changed) >= MOST_CHANGED and one.id not in self.changed:
                self.more = True
            else:
                self.changed[one.id] = one
        self.news.set()

    def take(self, queues: tuple[QueueCounts, ...], *, first: bool) -> Picture:
        assert self.look is not None
        stats = self.look.stats
        picture = Picture(
            at=stats.seen_at,
            queues=queues,
            running=stats.running,
            workers=len(stats.workers),
            totals=stats.totals,
            changed=tuple(self.changed.values()),
            more=self.more,
            first=first,
        )
        self.changed, self.more = {}, False
        self.news.clear()
        return picture


class Feed:
    """Pictures for any number of readers of one event loop."""

    def __init__(self, backend: Callable[[], Awaitable[Backend]], interval: float = INTERVAL) -> None:
        self._backend = backend
        self._interval = interval
        self._readers: set[_Reader] = set()
        self._task: asyncio.Task[None] | None = None
        self._last: Look | None = None
        self._counted: dict[str | None, tuple[QueueCounts, ...]] = {}
        """Of the last look, by the queue that readers chose."""

    async def pictures(self, queue: str | None = None, task: str | None = None) -> AsyncGenerator[Picture, None]:
        """A whole picture at once, then one when something changed. It promises no replay.

        While the store is away there are none; nothing is raised.
        """
        reader = _Reader(queue, task)
        self._readers.add(reader)
        if self._task is None:
            self._last = None
            self._task = asyncio.create_task(self._watch())
        elif self._last is not None:
            reader.tell(self._last, [])
        sent: Picture | None = None
        try:
            while True:
                await reader.news.wait()
                picture = reader.take(self._queues(reader), first=sent is None)
                if sent is None or picture.changed or _counts(picture) != _counts(sent):
                    sent = picture
                    yield picture
        finally:
            self._readers.discard(reader)
            if not self._readers:
                await self.close()

    @property
    def is_idle(self) -> bool:
        """Whether nobody watches, and so nobody looks."""
        return self._task is None

    async def close(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _queues(self, reader: _Reader) -> tuple[QueueCounts, ...]:
        """Counted once for all who look at the same queue."""
        assert reader.look is not None
        if reader.look is not self._last:
            return counts(reader.look.stats, reader.queue)
        found = self._counted.get(reader.queue)
        if found is None:
            found = self._counted[reader.queue] = counts(reader.look.stats, reader.queue)
        return found

    async def _watch(self) -> None:
        pause = self._interval
        while True:
            try:
                now = await look(await self._backend())
                pause = self._interval
            except AbacaError as error:
                if pause == self._interval:
                    service_log().warning("the live view waits for the store", error=str(error))
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                changed = changes(self._last, now) if self._last is not None else []
                self._last = now
                self._counted = {}
                for reader in self._readers:
                    reader.tell(now, changed)
            await asyncio.sleep(pause)


def _counts(picture: Picture) -> tuple[object, ...]:
    return picture.queues, picture.running, picture.workers, picture.totals
