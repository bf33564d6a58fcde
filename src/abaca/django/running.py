"""How a worker runs a Django task: as its handler, with fresh database connections and Django's signals."""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutinefunction
from traceback import format_exception
from typing import Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import close_old_connections
from django.utils import timezone

from abaca.context import Ctx
from abaca.django.framework import (
    AnyTask,
    TaskContext,
    TaskError,
    TaskResult,
    TaskResultStatus,
    normalize_json,
    task_finished,
    task_started,
)
from abaca.django.task import local, using
from abaca.model import RetryRule
from abaca.policy.outcome import Aborted, Raised
from abaca.policy.retry import retries
from abaca.worker.outcomes import raised


def handler_of(task: AnyTask, rule: RetryRule) -> Callable[..., Any]:
    """A function that Abaca takes as a task: its arguments are the call, and what ``using`` changed of the task.

    ``rule`` tells which failure is the last one.
    """

    def run(ctx: Ctx, args: list[Any], kwargs: dict[str, Any], using: dict[str, Any] | None = None) -> Any:
        one = _Run(task, rule, ctx, args, kwargs, using)
        try:
            one.begin()
            return one.completed(task.func(*one.args, **one.kwargs))
        except BaseException as error:
            one.failed(error)
            raise
        finally:
            close_old_connections()

    async def run_async(ctx: Ctx, args: list[Any], kwargs: dict[str, Any], using: dict[str, Any] | None = None) -> Any:
        async with ThreadSensitiveContext():  # a thread of this run's own for what is not async, and its connections
            one = await sync_to_async(_Run)(task, rule, ctx, args, kwargs, using)
            try:
                await sync_to_async(one.begin)()
                return await sync_to_async(one.completed)(await task.func(*one.args, **one.kwargs))
            except BaseException as error:
                await sync_to_async(one.failed)(error)
                raise
            finally:
                await sync_to_async(close_old_connections)()

    handler = run_async if iscoroutinefunction(task.func) else run
    handler.__module__, handler.__qualname__ = task.func.__module__, task.func.__qualname__
    handler.__name__, handler.__doc__ = task.func.__name__, task.func.__doc__
    return handler


class _Run:
    """One run, as Django's signals and the task's context show it."""

    def __init__(
        self,
        task: AnyTask,
        rule: RetryRule,
        ctx: Ctx,
        args: list[Any],
        kwargs: dict[str, Any],
        options: dict[str, Any] | None,
    ) -> None:
        self._ctx = ctx
        self._rule = rule
        self._over = False
        self.result: TaskResult[Any] = TaskResult(
            task=using(task, options),
            id=ctx.job_id,
            status=TaskResultStatus.RUNNING,
            enqueued_at=local(ctx.enqueued_at),
            started_at=local(ctx.started_at),
            finished_at=None,
            last_attempted_at=timezone.now(),
            args=args,
            kwargs=kwargs,
            backend=task.backend,
            errors=[],
            worker_ids=[""] * ctx.attempt,
        )
        self.args = [TaskContext(task_result=self.result), *args] if task.takes_context else args
        self.kwargs = kwargs

    def begin(self) -> None:
        """As before a request: a connection that its server has closed is not used."""
        close_old_connections()
        self._tell(task_started)

    def completed(self, value: Any) -> Any:
        """The value as Django stores it. Raises ``TypeError`` and ``ValueError`` where it has no JSON form."""
        value = normalize_json(value)
        self._over = True
        self._set(status=TaskResultStatus.SUCCESSFUL, finished_at=timezone.now(), _return_value=value)
        self._tell(task_finished)
        return value

    def failed(self, error: BaseException) -> None:
        """Tell of the end, unless it is none: the task is tried again, sleeps, or was stopped."""
        if self._over:
            return  # it was told of already, and a receiver raised
        outcome = raised(error, None, was_stopped=self._ctx.cancelled)
        is_last = isinstance(outcome, Aborted) or (
            isinstance(outcome, Raised)
            and (self._ctx.attempt >= self._ctx.max_attempts or not retries(self._rule, outcome.error))
        )
        kind = type(error)
        trace = "".join(format_exception(error))
        self.result.errors.append(
            TaskError(exception_class_path=f"{kind.__module__}.{kind.__qualname__}", traceback=trace)
        )
        if is_last:
            self._set(status=TaskResultStatus.FAILED, finished_at=timezone.now())
            self._tell(task_finished)

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self.result, name, value)  # as Django's own backends do: the class is frozen

    def _tell(self, signal: Any) -> None:
        signal.send(type(self.result.task.get_backend()), task_result=self.result)
