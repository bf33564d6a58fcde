"""A store between a client and the real one, which does something exactly between two steps of a call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast

from abaca.backend import Backend, Watch
from abaca.model import History, Job, NewJob, Receipt
from tests.unit.face import DeafWatch

T = TypeVar("T")

STEPS = (
    "before insert",
    "after insert",
    "before watch",
    "after watch",
    "before get",
    "after get",
    "before updates",
    "after updates",
)
"""``before`` a call has reached the store, or ``after`` it has but before its answer is seen."""


class Between:
    """The real store, with ``act`` called once, when ``step`` is first passed. ``deaf``: all hints are lost."""

    def __init__(self, inner: Backend, *, deaf: bool = False) -> None:
        self.inner = inner
        self.step = ""
        self.act: Callable[[], Awaitable[None]] | None = None
        self.passed = asyncio.Event()
        self._deaf = deaf

    def as_backend(self) -> Backend:
        """The rest of the store's verbs is there too, by ``__getattr__``."""
        return cast("Backend", self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def at(self, step: str, act: Callable[[], Awaitable[None]]) -> None:
        assert step in STEPS
        self.step, self.act = step, act

    async def insert(self, jobs: Sequence[NewJob]) -> list[Receipt]:
        return await self._call("insert", lambda: self.inner.insert(jobs))

    async def watch(self, topics: Sequence[str]) -> Any:
        watch: Watch = await self._call("watch", lambda: self.inner.watch(topics))
        if not self._deaf:
            return watch
        await watch.close()
        return DeafWatch()

    async def get(self, ids: Sequence[str]) -> list[Job | None]:
        return await self._call("get", lambda: self.inner.get(ids))

    async def updates(self, id: str, after: int, limit: int) -> History:
        return await self._call("updates", lambda: self.inner.updates(id, after, limit))

    async def _call(self, verb: str, call: Callable[[], Awaitable[T]]) -> T:
        await self._pass(f"before {verb}")
        answer = await call()
        await self._pass(f"after {verb}")
        return answer

    async def _pass(self, step: str) -> None:
        if step == self.step and self.act is not None:
            act, self.act = self.act, None
            await act()
            self.passed.set()
