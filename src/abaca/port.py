"""How a run reaches its job's log, from wherever its handler runs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol

from abaca.model import Kind, Value


class Recalled(Value, frozen=True, kw_only=True):
    """What earlier runs have stored: each step's data and when (microseconds, the store's clock); how many items."""

    entries: tuple[tuple[bytes, int], ...] = ()
    items: int = 0


@dataclass(frozen=True, slots=True)
class Recall:
    """Read what earlier runs have stored. Answers ``Recalled``; without ``steps`` only the number of items."""

    steps: bool = True


@dataclass(frozen=True, slots=True)
class Keep:
    """Store an entry; answers once the store has it. ``waits=False`` answers at once: it is stored before the end of
    this run is. Raises ``RunLost`` when the store refuses it because the job has another run."""

    data: bytes
    kind: Kind
    waits: bool = True


@dataclass(frozen=True, slots=True)
class Look:
    """Read an event that was sent to the job. Answers its data or ``None``."""

    event: str


@dataclass(frozen=True, slots=True)
class Call:
    """Call a function. Answers its value, and what came meanwhile to end the run (``None``: nothing)."""

    fn: Callable[..., Any]
    args: Any = ()
    kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds, or until the run should stop: then raise what says so."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Await:
    """Wait for something that another thread sets, or until the run should stop. Several may wait for one."""

    future: Future[None]


Request = Recall | Keep | Look | Call | Pause | Await

Stored = Callable[[BaseException | None], None]
"""Called once the store has an entry, or with the reason why it never will; on whatever thread hears of it."""


class Port(Protocol):
    """The way of one run. ``limit`` is how many bytes of JSON one step or item may take."""

    @property
    def job_id(self) -> str: ...

    @property
    def epoch(self) -> int: ...

    @property
    def limit(self) -> int: ...

    def now(self) -> int:
        """The store's clock in microseconds, as far as it is known here: seldom ahead of it, and little."""
        ...

    def send(self, entry: Keep, stored: Stored) -> None:
        """Store an entry soon, in the order of the calls. Never blocks, from any thread."""
        ...

    async def ask(self, request: Request) -> Any: ...

    def ask_sync(self, request: Request) -> Any:
        """The same for a thread that may wait. Raises ``RunningLoopError`` on an event loop."""
        ...
