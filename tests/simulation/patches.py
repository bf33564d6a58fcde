"""What is replaced in the product while a world runs: clocks, chance, ids, process start, logs, and nothing else."""

from __future__ import annotations

import importlib
import os
import pkgutil
import random
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

import abaca
from abaca.codec import new_id
from abaca.logs import worker_log
from abaca.policies import BELIEVED_FOR, PolicyReader
from abaca.worker.ticker import Ticker

_SETS_OF = {
    "abaca.backends.hub": ("HubWatch",),
    "abaca.waiting": ("Waiter", "_Group"),
    "abaca.worker.runner_proxy": ("RunnerProxy",),
    "abaca.worker.processes": ("_Child",),
}
"""Classes that the product keeps in sets: their place there must not depend on addresses."""


class Stand:
    """A module with some names replaced."""

    def __init__(self, module: ModuleType, **names: Any) -> None:
        self.__dict__.update(names)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def load_product() -> list[ModuleType]:
    """Every module that takes part."""
    for folder in ("abaca.worker", "abaca.backends.memory"):
        package = importlib.import_module(folder)
        for found in pkgutil.iter_modules(package.__path__, folder + "."):
            importlib.import_module(found.name)
    importlib.import_module(abaca.__name__)
    return [module for name, module in sorted(sys.modules.items()) if name.split(".")[0] == "abaca"]


def _replacements(modules: list[ModuleType], by_value: dict[int, Any]) -> Iterator[tuple[Any, str, Any]]:
    for module in modules:
        for name, value in vars(module).items():
            if id(value) in by_value:
                yield module, name, by_value[id(value)]


@contextmanager
def patched(world: Any, extra: list[tuple[Any, str, Any]]) -> Iterator[None]:
    """``extra`` are (object, name, value) on top, for instance a mutant's."""
    modules = load_product()
    stands: dict[int, Any] = {
        id(time): Stand(
            time,
            monotonic=world.monotonic,
            clock_gettime=lambda clock: world.monotonic(),
            time=world.wall,
            time_ns=lambda: round(world.wall() * 1e9),
        ),
        id(random): world.chance,
        id(new_id): world.new_id,
        id(worker_log): lambda: world.log,
    }
    runner_main = importlib.import_module("abaca.worker.runner_main")
    supervisor = importlib.import_module("abaca.worker.supervisor")
    proxy = importlib.import_module("abaca.worker.runner_proxy")
    processes = importlib.import_module("abaca.worker.processes")
    changes = list(_replacements(modules, stands))
    changes += [
        (runner_main, "os", Stand(os, _exit=world.exit)),
        (supervisor, "os", Stand(os, getpid=world.getpid)),
        (supervisor, "socket", Stand(socket, gethostname=lambda: "sim")),
        (supervisor, "open_backend", lambda url, clock=None: world.connect()),
        (proxy, "spawn", world.spawn),
        (proxy, "end_tree", world.end_tree),
        (proxy, "end_left_over", lambda groups: None),
        (processes, "spawn", world.spawn),
        (Ticker.__init__, "__defaults__", (world.monotonic,)),
        (PolicyReader.__init__, "__defaults__", (BELIEVED_FOR, world.monotonic)),
    ]
    for name, classes in _SETS_OF.items():
        changes += [(getattr(importlib.import_module(name), cls), "__hash__", _nought) for cls in classes]
    undo: list[Callable[[], None]] = []
    try:
        for target, name, value in [*changes, *extra]:
            undo.append(_set(target, name, value))
        yield
    finally:
        for back in reversed(undo):
            back()


def _nought(self: object) -> int:
    return 0


def _set(target: Any, name: str, value: Any) -> Callable[[], None]:
    own = getattr(target, name) if isinstance(target, FunctionType) else vars(target).get(name, _nought)
    setattr(target, name, value)
    if own is _nought:
        return lambda: delattr(target, name)
    return lambda: setattr(target, name, own)
