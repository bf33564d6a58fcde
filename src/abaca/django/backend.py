"""``AbacaBackend``: what ``TASKS`` names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from django.core import checks
from django.db import transaction
from django.utils import timezone

from abaca.app import App
from abaca.django import checking
from abaca.django.framework import (
    AnyTask,
    BaseTaskBackend,
    InvalidTask,
    TaskResult,
    TaskResultStatus,
    task_enqueued,
)
from abaca.django.registry import registry
from abaca.django.results import read_result
from abaca.django.task import AbacaTask, abaca_priority, aware, differences
from abaca.errors import ConfigError, RunningLoopError, TaskDeclarationError
from abaca.sync import refuse_running_loop, run_sync
from abaca.tasks import Call


class AbacaBackend(BaseTaskBackend):
    """Tasks are Abaca's jobs: stored before ``enqueue`` returns, run at least once by ``abaca worker``, tried again.

    ``enqueue`` raises what ``abaca.Task.enqueue`` raises. With the option ``ENQUEUE_ON_COMMIT`` it stores the job when
    the transaction commits, and not at all when it is rolled back.
    """

    task_class = AbacaTask
    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        self.alias = alias

    @property
    def app(self) -> App:
        """The Abaca app with this backend's store. Raises ``ConfigError``."""
        return registry.app(self.alias, self.options)

    def validate_task(self, task: AnyTask) -> None:
        super().validate_task(task)
        try:
            registry.declare(task)
        except (ConfigError, TaskDeclarationError) as error:
            raise InvalidTask(str(error)) from error

    def enqueue(self, task: AnyTask, args: Any, kwargs: Any) -> TaskResult[Any]:
        _refuse_running_loop("enqueue", "aenqueue()")
        self.validate_task(task)
        result: TaskResult[Any] = TaskResult(
            task=task,
            id="",
            status=TaskResultStatus.READY,
            enqueued_at=timezone.now(),
            started_at=None,
            finished_at=None,
            last_attempted_at=None,
            args=args,
            kwargs=kwargs,
            backend=self.alias,
            errors=[],
            worker_ids=[],
        )
        call = self._call(task, result.args, result.kwargs)
        object.__setattr__(result, "id", call.id)
        if self.options.get("ENQUEUE_ON_COMMIT"):
            transaction.on_commit(partial(self._store, call, result))
        else:
            self._store(call, result)
        return result

    def _call(self, task: AnyTask, args: list[Any], kwargs: Mapping[str, Any]) -> Call[Any]:
        declared = registry.task(task.module_path)
        return (
            self.app.tasks[task.module_path]
            .opts(
                priority=abaca_priority(task.priority),
                queue=task.queue_name,
                run_at=None if task.run_after is None else aware(task.run_after),
            )
            .call(args=args, kwargs=dict(kwargs), using=None if declared is None else differences(declared, task))
        )

    def _store(self, call: Call[Any], result: TaskResult[Any]) -> None:
        self.app.enqueue_many_sync([call])
        task_enqueued.send(type(self), task_result=result)

    def get_result(self, result_id: str) -> TaskResult[Any]:
        _refuse_running_loop("get_result", "aget_result() or arefresh()")
        return run_sync(lambda: read_result(self.app, str(result_id), self.alias), "get_result")

    def check(self, **kwargs: Any) -> Iterable[checks.CheckMessage]:
        return checking.check(self.alias, self.queues, self.options)


def _refuse_running_loop(name: str, instead: str) -> None:
    try:
        refuse_running_loop(name)
    except RunningLoopError:
        raise RunningLoopError(f"{name}() would block the running event loop; await {instead} instead") from None
