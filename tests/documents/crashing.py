"""Parts that crash behind their n-th operation."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from abaca_documents.pipeline.parts import Parts

PARTS = ("repository", "vectors", "blobs", "outputs", "parser")


class Crash(BaseException):
    """As a kill would: nothing that handles errors sees it."""


class Crasher:
    """Counts operations over all parts. The ``at``-th one has its effect and does not return."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.names: list[str] = []

    def around(self, parts: Parts, embedder: Any) -> Parts:
        wrapped: dict[str, Any] = {name: _Crashing(self, name, getattr(parts, name)) for name in PARTS}
        return dataclasses.replace(parts, **wrapped, embedder_of=lambda _: _Crashing(self, "embedder", embedder))

    async def call(self, name: str, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        self.names.append(name)
        is_last = len(self.names) == self.at
        answer = await fn(*args, **kwargs)
        if is_last:
            raise Crash(name)
        return answer


class _Crashing:
    def __init__(self, crasher: Crasher, name: str, inner: Any) -> None:
        self._crasher, self._name, self._inner = crasher, name, inner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found) or name == "together":
            return found

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await self._crasher.call(f"{self._name}.{name}", found, args, kwargs)

        return call
