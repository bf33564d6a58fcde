"""Finding the user's application and tasks by name, in a process that has just begun."""

from __future__ import annotations

import importlib
import os
import runpy
import sys
import types
from collections.abc import Mapping
from typing import Any

from abaca.errors import ConfigError
from abaca.worker.link import Work


def load_app(reference: str) -> Any:
    """Import ``module:attribute``; raises ``ConfigError`` that names what is missing."""
    module_name, _, attribute = reference.partition(":")
    if not module_name or not attribute:
        raise ConfigError(f"application {reference!r}: write it as module:attribute, for instance shop.jobs:app")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and module_name.split(".")[0] == error.name.split(".")[0]:
            raise ConfigError(f"application {reference!r}: no module named {error.name!r} on the path") from error
        raise
    app = module
    for name in attribute.split("."):
        app = getattr(app, name, None)  # type: ignore[assignment]
        if app is None:
            raise ConfigError(f"application {reference!r}: module {module_name!r} has no {attribute!r}")
    if not all(hasattr(app, name) for name in ("tasks", "url", "connect")):
        raise ConfigError(f"application {reference!r}: that is no App but {type(app).__qualname__}")
    return app


class TaskLoader:
    """Finds a task for a child process, and remembers it."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], Any] = {}

    def task(self, work: Work) -> Any:
        key = (work.job.spec.task, work.module, work.qualname)
        if key not in self._found:
            self._found[key] = self._load(work)
        return self._found[key]

    def _load(self, work: Work) -> Any:
        if work.app is not None:
            return load_app(work.app).tasks[work.job.spec.task]
        module = _run_main(work.main) if work.module == "__main__" else importlib.import_module(work.module)
        return _task_of(module, work.qualname, work.job.spec.task)


def _task_of(module: types.ModuleType, qualname: str, name: str) -> Any:
    """The decorated function, or what an app of that module registered under the task's name."""
    target: Any = module
    for part in qualname.split("."):
        target = getattr(target, part, None)
    if hasattr(target, "arguments"):
        return target
    for value in vars(module).values():
        tasks = getattr(value, "tasks", None)
        if isinstance(tasks, Mapping) and name in tasks:
            return tasks[name]
    raise ConfigError(
        f"task {name!r} cannot be found by another process: module {module.__name__!r} has neither the decorated "
        f"function {qualname!r} nor an App with that task; declare it at the top level of a module"
    )


def main_path() -> str | None:
    """The script that is this process's ``__main__``, for children that must find its tasks."""
    path = getattr(sys.modules.get("__main__"), "__file__", None)
    return os.path.abspath(path) if path is not None else None


def _run_main(path: str | None) -> types.ModuleType:
    """Execute the parent's script under another name, so that its ``if __name__ == "__main__"`` part does not run."""
    if path is None:
        raise ConfigError("the task is defined in an interactive session; put it into a module to run it in a process")
    module = types.ModuleType("__abaca_main__")
    module.__file__ = path
    sys.modules["__abaca_main__"] = sys.modules["__main__"] = module
    sys.path.insert(0, os.path.dirname(path))
    module.__dict__.update(runpy.run_path(path, run_name="__abaca_main__"))
    return module
