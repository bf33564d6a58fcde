"""What many readers of growing jobs cost the store while nothing happens."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from abaca import App
from abaca.backends.memory import MemoryBackend
from abaca.following import UNHURRIED
from abaca.model import Hint

MANY = 4 * UNHURRIED


class _Watch:
    """Never has news; notes for how long a reader would wait for some before it looks by itself."""

    def __init__(self, store: _Watched) -> None:
        self._store = store

    async def next(self, timeout: float) -> Hint | None:
        self._store.waits.append(timeout)
        if len(self._store.waits) == MANY:
            self._store.all_wait.set()
        await asyncio.Event().wait()
        return None

    async def close(self) -> None:
        pass


class _Watched(MemoryBackend):
    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []
        self.all_wait = asyncio.Event()

    async def watch(self, topics: Sequence[str]) -> _Watch:  # type: ignore[override]
        return _Watch(self)


async def test_many_followers_together_look_no_more_often_than_a_few() -> None:
    # Given
    store = _Watched()
    app = App(backend=store, poll_interval=1.0)
    job = await app.enqueue_by_name("render", {}, pool="async")

    # When
    async def reads() -> None:
        async for _ in job.updates():
            pass

    async with asyncio.TaskGroup() as readers:
        tasks = [readers.create_task(reads()) for _ in range(MANY)]
        await store.all_wait.wait()
        for task in tasks:
            task.cancel()
    waits, followers = store.waits, app.client().followers
    await app.close()

    # Then each looks at most as often as lets all of them together keep to the rate of a few
    assert (waits[0], waits[-1], followers) == (1.0, 4.0, 0)
