"""The apps of this project's backends, for processes that begin without Django: ``abaca worker abaca.django:app``."""

from __future__ import annotations

from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from abaca.app import App
from abaca.django.registry import registry
from abaca.errors import ConfigError


class Backends:
    """``backends.NAME`` is the app of the backend of that name in ``TASKS``."""

    def __getattr__(self, alias: str) -> App:
        if alias.startswith("__"):
            raise AttributeError(alias)
        return app_of(alias)


def app_of(alias: str = "default") -> App:
    """The app of a backend, with every task of the project. Sets Django up where nobody has.

    Raises ``ConfigError`` when there is no such backend, or no settings.
    """
    try:
        if not apps.ready:
            django.setup()
        tasks: dict[str, Any] = getattr(settings, "TASKS", {})
    except ImproperlyConfigured as error:
        raise ConfigError(f"abaca.django: {error}; set DJANGO_SETTINGS_MODULE, as manage.py does") from error
    if alias not in tasks:
        raise ConfigError(f"abaca.django: TASKS has no backend {alias!r}; it has {', '.join(tasks) or 'none'}")
    return registry.app(alias, tasks[alias].get("OPTIONS", {}))


backends = Backends()
