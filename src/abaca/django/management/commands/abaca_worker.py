"""``manage.py abaca_worker``: run this project's tasks in worker processes."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = "Run this project's tasks in worker processes. What follows -- goes to `abaca worker`; see its --help."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--backend", default="default", help="Which backend of TASKS. [default: default]")
        parser.add_argument("--queues", help="Queues to serve, as a,b. [default: those of the backend]")
        parser.add_argument("flags", nargs="*", help="Flags of `abaca worker`, after --.")

    def handle(self, *args: Any, **options: Any) -> None:
        alias = options["backend"]
        if alias not in getattr(settings, "TASKS", {}):
            raise CommandError(f"TASKS has no backend {alias!r}.")
        queues = options["queues"] or ",".join(sorted(settings.TASKS[alias].get("QUEUES", ["default"])))
        words = ["-m", "abaca", "worker", f"abaca.django:backends.{alias}", f"--queues={queues}", *options["flags"]]
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE") or settings.SETTINGS_MODULE,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        self.stdout.flush()
        os.execve(sys.executable, [sys.executable, *words], environment)  # signals reach the worker itself
