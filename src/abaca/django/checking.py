"""System checks of one backend: what would only be noticed when a job is lost sight of."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.urls import get_resolver

from abaca.checks import check_name
from abaca.django.registry import OPTIONS, registry
from abaca.errors import ConfigError


def check(alias: str, queues: Collection[str], options: Mapping[str, Any]) -> list[CheckMessage]:
    return [*_errors(alias, queues, options), *_warnings(alias, options)]


def _errors(alias: str, queues: Collection[str], options: Mapping[str, Any]) -> Iterator[CheckMessage]:
    if not apps.is_installed("abaca.django"):
        yield Error(
            f"TASKS[{alias!r}] is Abaca, and 'abaca.django' is not in INSTALLED_APPS.",
            hint="Add it: it finds the tasks modules and has the command abaca_worker.",
            id="abaca.E001",
        )
    unknown = sorted(options.keys() - OPTIONS)
    if unknown:
        yield Error(
            f"TASKS[{alias!r}]['OPTIONS'] has the unknown {unknown[0]!r}.",
            hint=f"Known are {', '.join(sorted(OPTIONS))}.",
            id="abaca.E002",
        )
        return
    try:
        for queue in sorted(queues):
            check_name(queue, f"TASKS[{alias!r}]['QUEUES']")
        registry.app(alias, options)
    except (ConfigError, TypeError) as error:
        yield Error(f"TASKS[{alias!r}] cannot be used: {error}", id="abaca.E003")


def _warnings(alias: str, options: Mapping[str, Any]) -> Iterator[CheckMessage]:
    _import_urls()
    for path in registry.undiscovered():
        yield Warning(
            f"The task {path} was imported after the start; a worker may not have it.",
            hint="Put it into a module named tasks of an installed app, or its module into OPTIONS['MODULES'].",
            id="abaca.W001",
        )
    if str(options.get("URL", "")).startswith("memory:"):
        yield Warning(
            f"TASKS[{alias!r}] keeps jobs in this process's memory: a worker process never sees them.",
            hint="Use sqlite:///abaca.db or redis://, and in tests the fixture abaca or Django's own backends.",
            id="abaca.W002",
        )
    atomic = any(database.get("ATOMIC_REQUESTS") for database in settings.DATABASES.values())
    if atomic and not options.get("ENQUEUE_ON_COMMIT"):
        yield Warning(
            "ATOMIC_REQUESTS is on: a job that a request enqueues may run before the request's transaction commits.",
            hint=f"Set TASKS[{alias!r}]['OPTIONS']['ENQUEUE_ON_COMMIT'] = True, or enqueue with transaction.on_commit.",
            id="abaca.W003",
        )


def _import_urls() -> None:
    """What a server imports at its first request: tasks that are declared beside views come with it."""
    if getattr(settings, "ROOT_URLCONF", None):
        try:
            get_resolver().url_patterns  # noqa: B018
        except Exception:  # Django's own checks say what is wrong there
            return
