"""Calls of tasks of which some arguments are results of other members."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from abaca.client import Host
from abaca.errors import ConfigError
from abaca.model import When
from abaca.tasks import Call, Task
from abaca.workflows.plan import Edges, Member, member_of

R_co = TypeVar("R_co", covariant=True)


class Source(Generic[R_co]):
    """A value that is there once its members have ended."""

    def __init__(self, parents: tuple[Member, ...], when: When = When.COMPLETED, *, many: bool = False) -> None:
        self.parents = parents
        self.when = when
        self.many = many

    def edges(self, into: str) -> Edges:
        return Edges(self.parents, self.when, into=into, many=self.many)


_HOLE: Source[Any] = Source(())


def follow(step: object, host: Host, edges: Callable[[str], Edges]) -> tuple[Member, Task[..., Any]]:
    """A member that calls a task with what its parents give as the only argument. ``edges`` is given its name."""
    task = as_task(step)
    call, later = call_with(task, (_HOLE,), {})
    member = member_of(call, host)
    member.edges.append(edges(next(iter(later))))
    return member, task


def as_task(step: object) -> Task[..., Any]:
    if not isinstance(step, Task):
        raise ConfigError(f"workflow: {step!r} is no task; give the task itself, or one with opts()")
    return step


def call_with(
    task: Task[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Call[Any], dict[str, Source[Any]]]:
    """A call without the arguments that are sources, and those by parameter name.

    Raises ``ArgumentError``, ``PayloadTooLarge``, ``ConfigError``.
    """
    bound = task.arguments.bind(args, kwargs)
    later = {name: value for name, value in bound.items() if isinstance(value, Source)}
    for name, value in bound.items():
        if name not in later and any(isinstance(part, Source) for part in _parts(value)):
            raise ConfigError(
                f"task {task.name!r}, argument {name!r}: a result of another member stands inside a value; pass it as "
                "an argument of its own, and several as all_of([...])"
            )
    return (task.call_without(bound, frozenset(later)) if later else task.call(*args, **kwargs)), later


def _parts(value: Any) -> Iterator[Any]:
    match value:
        case dict():
            yield from value.values()
        case list() | tuple() | set() | frozenset():
            yield from value
        case _:
            pass
