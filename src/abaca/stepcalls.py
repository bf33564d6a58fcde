"""``step`` and ``step_sync``, typed by the function that is called: on ``Ctx`` and on ``ctx.opts(...)``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar, overload

from abaca.model import RetryRule
from abaca.returns import is_async
from abaca.steps import StepName, Steps, drive, drive_sync

P = ParamSpec("P")
R = TypeVar("R")


class StepCalls:
    """Calls functions as durable steps."""

    __slots__ = ()

    @abstractmethod
    def _step_rule(self) -> RetryRule | None: ...

    @abstractmethod
    def _opened_steps(self) -> Steps: ...

    @overload
    async def step(self, name: StepName, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    async def step(self, name: StepName, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    async def step(self, name: StepName, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """``await fn(*args, **kwargs)``, once in the life of the job: the result is stored before this returns, and a
        later run gets it without a call. A plain function is called in a thread.

        The result goes through JSON as the type that ``fn`` declares, also in the run that made it. A call whose
        result was not stored yet when the run ended is repeated by the next run: at least once, so give what it calls
        ``ctx.step_key(name)``. ``name`` is the step's own within the job; in a loop give ``(name, index)``.
        Raises what ``fn`` raises, ``DuplicateStep``, ``ResultError`` and ``PayloadTooLarge`` for a result that cannot
        be stored, ``RunLost``.
        """
        steps = self._opened_steps()
        return await drive(steps.port, steps.step(name, self._step_rule(), fn, args, kwargs))

    def step_sync(self, name: StepName, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """The same for sync handlers, with a plain function, which is called in the handler's own thread."""
        if is_async(fn):
            raise TypeError(f"step {name!r}: step_sync() calls plain functions; await step() in an async handler")
        steps = self._opened_steps()
        value: R = drive_sync(steps.port, steps.step(name, self._step_rule(), fn, args, kwargs))
        return value


class StepOptions(StepCalls):
    """Steps of one run that are called with options."""

    __slots__ = ("_rule", "_steps")

    def __init__(self, steps: Steps, rule: RetryRule | None) -> None:
        self._steps = steps
        self._rule = rule

    def _step_rule(self) -> RetryRule | None:
        return self._rule

    def _opened_steps(self) -> Steps:
        return self._steps
