"""What many readers of growing jobs cost the store while nothing happens."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from abaca import App
from abaca.backends.memory import MemoryBackend
from abaca.following import UNHURRIED
from abaca.model import Hint


class _Watch:
    """Never has news; notes for how long a reader would wait for some before it looks by itself."""

    def __init__(self, waits: list[float]) -> None:
        self._waits = waits

    async def next(self, timeout: float) -> Hint | None:
        self._waits.append(timeout)
        await asyncio.Event().wait()
        return None

    async def close(self) -> None:
        pass


class _Watched(MemoryBackend):
    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    async def watch(self, topics: Sequence[str]) -> _Watch:  # type: ignore[override]
        return _Watch(self.waits)


async def test_many_followers_together_look_no_more_often_than_a_few() -> None:
    # Given
    store = _Watched()
    app = App(backend=store, poll_interval=1.0)
    job = await app.enqueue_by_name("render", {}, pool="async")
    count = 4 * UNHURRIED

    # When
    async def reads() -> None:
        async for _ in job.updates():
            pass

    async with asyncio.TaskGroup() as readers:
        tasks = [readers.create_task(reads()) for _ in range(count)]
        while len(store.waits) < count:
            await asyncio.sleep(0)  # sleeps: no time passes, the readers have their turn
        for task in tasks:
            task.cancel()
    waits, followers = store.waits, app.client().followers
    await app.close()

    # Then each looks at most as often as lets all of them together keep to the rate of a few
    assert (waits[0], waits[-1], followers) == (1.0, 4.0, 0)
