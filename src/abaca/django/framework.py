"""The tasks framework that is there: ``django.tasks`` of Django 6 or later, else ``django_tasks``.

Both have the same classes; of the exceptions the name of one differs. The types are those of ``django_tasks``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from django_tasks.backends.base import BaseTaskBackend
    from django_tasks.base import Task, TaskContext, TaskError, TaskResult
    from django_tasks.exceptions import InvalidTaskError as InvalidTask
    from django_tasks.exceptions import TaskResultDoesNotExist
    from django_tasks.signals import task_enqueued, task_finished, task_started
    from django_tasks.utils import normalize_json

    AnyTask = Task[Any, Any]
    TaskResultStatus: Any  # checkers without Django's types take its members for pairs
else:

    def _first(*modules: str) -> Any:
        for module in modules:
            try:
                return importlib.import_module(module)
            except ModuleNotFoundError as error:
                if error.name not in (module, module.split(".")[0], ".".join(module.split(".")[:2])):
                    raise
        raise ImproperlyConfigured(
            "abaca.django needs Django 6 or later, or the package django-tasks: pip install django-tasks"
        )

    _base = _first("django.tasks.base", "django_tasks.base")
    _root = _base.__name__.rpartition(".")[0]
    _exceptions = importlib.import_module(f"{_root}.exceptions")
    _signals = importlib.import_module(f"{_root}.signals")

    BaseTaskBackend = importlib.import_module(f"{_root}.backends.base").BaseTaskBackend
    AnyTask = Task = _base.Task
    TaskContext = _base.TaskContext
    TaskError = _base.TaskError
    TaskResult = _base.TaskResult
    TaskResultStatus = _base.TaskResultStatus
    InvalidTask = getattr(_exceptions, "InvalidTask", None) or _exceptions.InvalidTaskError
    TaskResultDoesNotExist = _exceptions.TaskResultDoesNotExist
    normalize_json = _base.normalize_json
    task_enqueued, task_started, task_finished = _signals.task_enqueued, _signals.task_started, _signals.task_finished

__all__ = [
    "AnyTask",
    "BaseTaskBackend",
    "InvalidTask",
    "Task",
    "TaskContext",
    "TaskError",
    "TaskResult",
    "TaskResultDoesNotExist",
    "TaskResultStatus",
    "normalize_json",
    "task_enqueued",
    "task_finished",
    "task_started",
]
