"""The Django project of examples/django, with the tasks framework that is there: django_tasks, or django.tasks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.crew import WorkerProcess

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "examples" / "django"

pytestmark = pytest.mark.timeout(400)  # each starts processes of its own
ENQUEUE = """
import json
from django.test import Client
from shop.tasks import refund, settle
order = Client().post("/orders", {"email": "ann@example.org", "total": "12.50"}, "application/json").json()
ids = {"receipt": order["task"], "settle": settle.using(priority=-7).enqueue(1).id, "refund": refund.enqueue(9).id}
print(json.dumps(ids))
"""
READ = """
import json
from django.test import Client
from shop.models import Order
from shop.tasks import refund, settle
ids = json.loads({ids!r})
wait = settle.get_backend().app
for id in ids.values():
    wait.job(id).outcome_sync(30)
settled, refunded = settle.get_result(ids["settle"]), refund.get_result(ids["refund"])
print(json.dumps({{
    "receipt": Client().get("/tasks/" + ids["receipt"]).json(),
    "order": Order.objects.get().receipt,
    "settled": [settled.status, settled.return_value, settled.attempts, settled.task.priority],
    "refunded": [refunded.status, [error.exception_class_path for error in refunded.errors]],
}}))
"""


def environment(data: Path) -> dict[str, str]:
    return {**os.environ, "SHOP_DATA": str(data), "DJANGO_SETTINGS_MODULE": "project.settings"}


def manage(data: Path, *words: str) -> str:
    """What a command of the project prints; an assertion fails when it does not end well."""
    done = subprocess.run(
        [sys.executable, str(PROJECT / "manage.py"), *words],
        cwd=data,
        env=environment(data),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def shell(data: Path, program: str) -> dict[str, object]:
    last: dict[str, object] = json.loads(manage(data, "shell", "-c", program).splitlines()[-1])
    return last


def test_the_projects_own_tests_pass(tmp_path: Path) -> None:
    # Given the project, with jobs in memory
    # When Django's test runner runs its tests, Then they pass
    manage(tmp_path, "test", "--noinput")


def test_a_request_enqueues_a_worker_process_runs_and_the_result_is_read(tmp_path: Path) -> None:
    # Given a database, and a worker of the project's own command, started from another folder
    manage(tmp_path, "migrate")
    worker = WorkerProcess.of_command(
        [sys.executable, str(PROJECT / "manage.py"), "abaca_worker", "--", "--drain=5s"],
        environment(tmp_path),
        tmp_path,
    )
    try:
        worker.wait_says("worker started")
        assert "queues=default,mail" in worker.log
        # When a request and a shell enqueue tasks
        ids = shell(tmp_path, ENQUEUE)
        # Then another process reads what became of them
        read = shell(tmp_path, READ.format(ids=json.dumps(ids)))
        receipt = "order 1: 12.50 paid by ann@example.org"
        assert read == {
            "receipt": {"status": "SUCCESSFUL", "attempts": 1, "value": receipt},
            "order": receipt,
            "settled": ["SUCCESSFUL", {"order": 1, "attempt": 2}, 2, -7],
            "refunded": ["FAILED", ["django.core.exceptions.ObjectDoesNotExist"]],
        }
        assert worker.stop() == 0
    finally:
        worker.kill()


def test_without_settings_the_command_line_says_what_is_missing(tmp_path: Path) -> None:
    # Given no DJANGO_SETTINGS_MODULE
    # When a worker is asked for, Then it ends with status 2 and one sentence
    done = subprocess.run(
        [sys.executable, "-m", "abaca", "worker", "abaca.django:app"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "set DJANGO_SETTINGS_MODULE" in done.stdout + done.stderr


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Django 6 needs Python 3.12")
def test_newer_pythons_test_djangos_own_tasks() -> None:
    # Given the locked dependencies on this Python, Then the framework is Django's own
    done = subprocess.run(
        [sys.executable, "-c", "import abaca.django.framework as f; print(f.Task.__module__)"],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "project.settings", "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.stdout.strip() == "django.tasks.base", done.stderr
