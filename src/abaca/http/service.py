"""What all requests of one service share."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar, cast

from abaca.app import App
from abaca.http.callers import Callers
from abaca.http.idempotency import Answers
from abaca.http.settings import HttpSettings


class Piece(Protocol):
    """Something that one service has one of."""

    async def close(self) -> None: ...


P = TypeVar("P", bound=Piece)
_PARAMETER = re.compile(r"\\{\w+\\}")


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(_PARAMETER.sub("[^/]+", re.escape(path)))


class Service:
    """The app, the settings, and what is to be closed at the end. Pieces that run beside requests begin when they are
    first used, because a program that mounts the service may never tell it that it has started.
    """

    def __init__(self, app: App, settings: HttpSettings, endpoints: Sequence[Any] = ()) -> None:
        self.app = app
        self.settings = settings
        self.endpoints = endpoints
        self.callers = Callers(settings)
        self.answers = Answers()
        larger = [(endpoint.whole_path, self._size(endpoint)) for endpoint in endpoints if endpoint.max_body]
        self._bodies = {path: size for path, size in larger if "{" not in path}
        self._bodies_by_pattern = [(_pattern(path), size) for path, size in larger if "{" in path]
        self._closers: list[Callable[[], Awaitable[None]]] = []
        self._pieces: dict[object, object] = {}

    def piece(self, make: Callable[[Service], P]) -> P:
        """The one that ``make`` makes of this service: made at the first call, closed with the service."""
        if make not in self._pieces:
            made = self._pieces[make] = make(self)
            self.at_close(made.close)
        return cast("P", self._pieces[make])

    def largest_body(self, path: str) -> int:
        """Bytes that the body of a request to this path may have."""
        if (exact := self._bodies.get(path)) is not None:
            return exact
        fitting = (size for pattern, size in self._bodies_by_pattern if pattern.fullmatch(path))
        return next(fitting, self.settings.max_body)

    def _size(self, endpoint: Any) -> int:
        given = endpoint.max_body
        size: int = self.app.settings.value(given) if isinstance(given, str) else given
        return max(self.settings.max_body, size)

    def at_close(self, close: Callable[[], Awaitable[None]]) -> None:
        """Call this when the service ends, the latest first."""
        self._closers.append(close)

    async def close(self) -> None:
        self._pieces.clear()
        while self._closers:
            await self._closers.pop()()

    async def secrets(self, tasks: Iterable[str]) -> Mapping[str, Collection[str]]:
        """The names of the arguments that views of each task's jobs mask."""
        return await self.app.secrets(tasks)
