"""``chain`` and ``group``: one job after the other, or many side by side, and what follows them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any, Generic, Literal, TypeVar, overload

from abaca.client import Host
from abaca.durations import Duration
from abaca.errors import ConfigError
from abaca.handle import UNTYPED
from abaca.model import NewJob, When
from abaca.sync import twin
from abaca.tasks import Call, Task
from abaca.workflows.calls import follow
from abaca.workflows.handle import GroupHandle, WorkflowHandle
from abaca.workflows.plan import Edges, Member, join_of, member_of, plan
from abaca.workflows.steps import Step
from abaca.workflows.storing import Jobs

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")
R = TypeVar("R")
X = TypeVar("X")


class Chain(Generic[R]):
    """Jobs of which the last one's result is the workflow's. It has its ids already: enqueuing it again is harmless."""

    def __init__(self, host: Host, members: list[Member], last: Task[..., R]) -> None:
        self._host = host
        self._members = members
        self._last = last

    @cached_property
    def _jobs(self) -> Jobs:
        return Jobs(plan(self._members[:-1], self._members[-1]))

    @property
    def jobs(self) -> list[NewJob]:
        """The jobs as they will be stored, parents first."""
        return self._jobs.jobs

    def then(self, step: Step[R, X]) -> Chain[X]:
        """A chain that is one longer: the task gets this one's result as its first argument. This one is unchanged.

        Raises ``ConfigError`` and ``ArgumentError`` for a task that cannot be called so.
        """
        parent = self._members[-1]
        member, task = follow(step, self._host, lambda into: Edges((parent,), into=into))
        return Chain(self._host, [*self._members, member], task)

    async def enqueue(self) -> WorkflowHandle[R]:
        """Store all of it. Raises ``ConfigError``, ``EnqueueRefused`` (then nothing of it runs on), and
        ``BackendUnavailable``: whether it was stored is unknown then, and enqueuing it again is safe."""
        return WorkflowHandle(self._host, await self._jobs.store(self._host.client()), self._last)

    async def run(self, timeout: Duration | None = None) -> R:
        """Enqueue it and wait for its result. Raises what ``enqueue`` and ``WorkflowHandle.result`` raise."""
        return await (await self.enqueue()).result(timeout)

    enqueue_sync = twin(enqueue)
    run_sync = twin(run)


class Group(Generic[R]):
    """Jobs side by side. It has its ids already: enqueuing it again is harmless."""

    def __init__(self, calls: list[Call[R]]) -> None:
        self._calls = calls
        self._members = [member_of(call, calls[0].task.host) for call in calls]

    @cached_property
    def _jobs(self) -> Jobs:
        return Jobs(plan(self._members, join_of(self._members)))

    def _host(self) -> Host:
        if not self._calls:
            raise ConfigError("group(): it has no calls, so there is nothing to wait for; nothing was enqueued")
        return self._calls[0].task.host

    @property
    def jobs(self) -> list[NewJob]:
        """The jobs as they will be stored; the last one ends when all others have ended."""
        return self._jobs.jobs

    @overload
    def then(self, step: Step[list[R], X], when: Literal["completed"] = "completed") -> Chain[X]: ...
    @overload
    def then(self, step: Step[list[R | None], X], when: Literal["ended"]) -> Chain[X]: ...
    def then(self, step: Any, when: Literal["completed", "ended"] = "completed") -> Chain[Any]:
        """The task gets the list of all results, in order, as its first argument.

        When a member does not complete the task is cancelled, or with ``when="ended"`` it gets ``None`` in that place.
        Raises ``ConfigError`` and ``ArgumentError`` for a task that cannot be called so.
        """
        if not self._members:
            call: Call[Any] = step.call([])
            return Chain(call.task.host, [member_of(call, call.task.host)], call.task)
        parents = tuple(self._members)
        member, task = follow(step, self._host(), lambda into: Edges(parents, When(when), into=into, many=True))
        return Chain(self._host(), [*parents, member], task)

    async def enqueue(self) -> GroupHandle[R]:
        """Store all of it. Raises what ``Chain.enqueue`` raises."""
        host = self._host()
        id = await self._jobs.store(host.client())
        tasks = {call.task.name: call.task for call in self._calls}
        same = next(iter(tasks.values())) if len(tasks) == 1 else None
        return GroupHandle(host, id, same or UNTYPED, None if same else [call.task for call in self._calls])

    async def run(self, timeout: Duration | None = None) -> list[R]:
        """Enqueue it and wait for all results. Raises what ``enqueue`` and ``GroupHandle.values`` raise."""
        return await (await self.enqueue()).values(timeout)

    enqueue_sync = twin(enqueue)
    run_sync = twin(run)


@overload
def chain(first: Call[A], /) -> Chain[A]: ...
@overload
def chain(first: Call[A], second: Step[A, B], /) -> Chain[B]: ...
@overload
def chain(first: Call[A], second: Step[A, B], third: Step[B, C], /) -> Chain[C]: ...
@overload
def chain(first: Call[A], second: Step[A, B], third: Step[B, C], fourth: Step[C, D], /) -> Chain[D]: ...
@overload
def chain(
    first: Call[A], second: Step[A, B], third: Step[B, C], fourth: Step[C, D], fifth: Step[D, E], /
) -> Chain[E]: ...
@overload
def chain(
    first: Call[A],
    second: Step[A, B],
    third: Step[B, C],
    fourth: Step[C, D],
    fifth: Step[D, E],
    sixth: Step[E, F],
    /,
) -> Chain[F]: ...
def chain(first: Call[Any], /, *steps: Any) -> Chain[Any]:
    """One job after the other: ``chain(fetch.call(url), parse, store)``. Each gets the one before's result as its
    first argument. For more than six use ``Chain.then``. Raises ``ConfigError`` and ``ArgumentError``."""
    made: Chain[Any] = Chain(first.task.host, [member_of(first, first.task.host)], first.task)
    for step in steps:
        made = made.then(step)
    return made


def group(calls: Iterable[Call[R]], /) -> Group[R]:
    """Jobs side by side: ``group(fetch.call(url) for url in urls)``. Raises ``ConfigError`` for a call with a key."""
    return Group(list(calls))
