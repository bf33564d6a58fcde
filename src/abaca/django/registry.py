"""The Django tasks that this process knows, and the Abaca app of each backend, which knows them all.

Django makes a backend object for each thread; what is here is there once.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils.module_loading import autodiscover_modules

from abaca.app import App
from abaca.django.framework import AnyTask
from abaca.django.running import handler_of
from abaca.django.task import abaca_priority, own_options
from abaca.policy.retry import DEFAULT_RULE

_TASK_DEFAULTS = {"RETRY": "retry", "TIMEOUT": "timeout", "LEASE": "lease"}
APP_OPTIONS = {"URL": "url", "KEEP": "keep", "RESULTS": "results", "RESULTS_ABOVE": "results_above"}
OPTIONS = {*_TASK_DEFAULTS, *APP_OPTIONS, "MODULES", "ENQUEUE_ON_COMMIT"}


class Registry:
    """One for each process."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._tasks: dict[str, AnyTask] = {}
        self._apps: dict[tuple[str, str], tuple[App, Mapping[str, Any]]] = {}
        self._discovered: frozenset[str] | None = None

    def declare(self, task: AnyTask) -> None:
        """Make a task known to every backend's app. The first of a function counts: others are made by ``using``.

        Raises ``ConfigError`` for options that cannot be used.
        """
        path = task.module_path
        with self._lock:
            known = self._tasks.get(path)
            if known is not None and known.func is task.func:
                return
            for app, options in self._apps.values():
                self._register(app, options, task)
            self._tasks[path] = task

    def task(self, path: str) -> AnyTask | None:
        """The declared task of that path, if this process has its module."""
        return self._tasks.get(path)

    def app(self, alias: str, options: Mapping[str, Any]) -> App:
        """The app of a backend. Raises ``ConfigError`` for options that cannot be used."""
        key = alias, repr(sorted(options.items(), key=lambda item: item[0]))
        with self._lock:
            if key not in self._apps:
                given = {name: options[option] for option, name in APP_OPTIONS.items() if option in options}
                app = App(name=alias, **given)
                for task in self._tasks.values():
                    self._register(app, options, task)
                self._apps[key] = app, options
            return self._apps[key][0]

    def _register(self, app: App, options: Mapping[str, Any], task: AnyTask) -> None:
        path = task.module_path
        app.tasks.pop(path, None)
        given = {name: options[option] for option, name in _TASK_DEFAULTS.items() if option in options}
        given |= own_options(task)
        rule = DEFAULT_RULE if given.get("retry") is None else given["retry"].rule()
        app.task(name=path, queue=task.queue_name, priority=abaca_priority(task.priority), **given)(
            handler_of(task, rule)
        )

    def discover(self) -> None:
        """Import the modules in which tasks are looked for: ``tasks`` of each installed app, and ``MODULES``."""
        autodiscover_modules("tasks")
        for backend in getattr(settings, "TASKS", {}).values():
            for module in backend.get("OPTIONS", {}).get("MODULES", ()):
                importlib.import_module(module)
        with self._lock:
            self._discovered = frozenset(self._tasks)

    def undiscovered(self) -> list[str]:
        """Tasks that this process has and a worker may not: they came after the discovery."""
        with self._lock:
            return [] if self._discovered is None else sorted(self._tasks.keys() - self._discovered)


registry = Registry()
