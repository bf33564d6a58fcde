"""``StreamTask``: a registered generator, whose jobs are streams of typed items."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from abaca.client import Host
from abaca.declare import Handler
from abaca.handle import JobHandle
from abaca.options import TaskOptions
from abaca.tasks import Task, TaskFunction

P = ParamSpec("P")
Item = TypeVar("Item")
Item_co = TypeVar("Item_co", covariant=True)
F = TypeVar("F", bound=Callable[..., Any])


class StreamHandle(JobHandle[int], Generic[Item_co]):
    """One job that is a stream. Its result is how many items it has."""

    __slots__ = ()

    if TYPE_CHECKING:

        def items(self, after: int = 0) -> AsyncIterator[Item_co]: ...

        def items_sync(self, after: int = 0) -> Iterator[Item_co]: ...


class StreamTask(Task[P, int], Generic[P, Item]):
    """A registered generator. ``Item`` is what it yields."""

    async def enqueue(self, /, *args: P.args, **kwargs: P.kwargs) -> StreamHandle[Item]:
        """Store one call and answer its handle: as ``Task.enqueue``."""
        return cast("StreamHandle[Item]", await super().enqueue(*args, **kwargs))

    def job(self, id: str) -> StreamHandle[Item]:
        """A handle for a job of this task that was enqueued anywhere. The store is not asked."""
        return StreamHandle(self._host, id, self)

    def enqueue_sync(self, /, *args: P.args, **kwargs: P.kwargs) -> StreamHandle[Item]:
        """The same for callers without an event loop."""
        return cast("StreamHandle[Item]", super().enqueue_sync(*args, **kwargs))


class StreamFunction(StreamTask[P, Item], Generic[P, Item, F]):
    """What the decorator puts in the generator's place. Calling it is an ordinary call of the generator."""

    if TYPE_CHECKING:
        __call__: F
    else:

        @property
        def __call__(self):
            return self.__wrapped__


def task_of(host: Host, name: str, handler: Handler, options: TaskOptions) -> Any:
    """The task that a function becomes: a stream where it is a generator."""
    kind: Any = StreamFunction if handler.yields else TaskFunction
    return kind(host, name, handler, options)
