"""Middleware: one callable shape around every run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from abaca.model import Job
from abaca.policy.outcome import Outcome

CallNext = Callable[[Job], Awaitable[Outcome | None]]
Middleware = Callable[[Job, CallNext], Awaitable[Outcome | None]]
"""``async def mw(job, call_next) -> outcome``. ``None`` as an outcome means that the run is no longer ours."""


def stack(middleware: Sequence[Middleware], innermost: CallNext) -> CallNext:
    """One callable that passes through all of them, the first outermost."""
    call = innermost
    for layer in reversed(middleware):
        call = _around(layer, call)
    return call


def _around(layer: Middleware, call: CallNext) -> CallNext:
    async def around(job: Job) -> Outcome | None:
        return await layer(job, call)

    return around
