"""The Django app: it finds the tasks of the project when Django starts."""

from __future__ import annotations

from django.apps import AppConfig


class AbacaConfig(AppConfig):
    name = "abaca.django"
    label = "abaca_django"
    verbose_name = "Abaca"

    def ready(self) -> None:
        from abaca.django.registry import registry  # noqa: PLC0415 - what it imports needs the settings

        registry.discover()
