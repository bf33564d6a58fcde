"""Abaca as a backend of Django's tasks: ``django.tasks`` of Django 6, or ``django_tasks`` for older ones.

Put ``"abaca.django"`` into ``INSTALLED_APPS`` and ``"abaca.django.AbacaBackend"`` into ``TASKS``. For ``abaca worker``
``abaca.django:app`` is the app of the backend ``default``, ``abaca.django:backends.NAME`` that of another; asking for
it sets Django up. Nothing is loaded before it is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from abaca import App
    from abaca.django.backend import AbacaBackend
    from abaca.django.task import AbacaTask
    from abaca.django.workers import Backends

    app: App
    backends: Backends

__all__ = ["AbacaBackend", "AbacaTask", "app", "backends"]

_HOMES = {
    "AbacaBackend": "abaca.django.backend",
    "AbacaTask": "abaca.django.task",
    "backends": "abaca.django.workers",
}


def __getattr__(name: str) -> Any:
    if name == "app":
        return importlib.import_module("abaca.django.workers").app_of()
    if name not in _HOMES:
        raise AttributeError(f"module 'abaca.django' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
