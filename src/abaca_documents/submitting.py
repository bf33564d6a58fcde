"""Who has something done, and the jobs that are made for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import msgspec

from abaca import Call, Task

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """``owner``: whose the jobs are. ``id`` gives the ids of the jobs of one request by number, the same at each of its
    repetitions; ``None`` where any will do."""

    owner: str | None = None
    id: Callable[[int], str | None] = lambda number: None


ANYBODY = By()


def call_by(by: By, number: int, task: Task[P, R], *args: P.args, **kwargs: P.kwargs) -> Call[R]:
    call = task.opts(owner=by.owner).call(*args, **kwargs)
    id = by.id(number)
    return call if id is None else Call(call.task, msgspec.structs.replace(call.job, id=id))
