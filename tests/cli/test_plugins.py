"""What a plugin adds to the command line, found as packages are found: by its entry point."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from abaca import App
from tests.command import running
from tests.greeting.plugin import PLUGIN

ROOT = Path(__file__).parents[2]
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """One in which the package of the plugin is installed."""
    about = tmp_path / "packages" / "greeting-1.0.dist-info"
    about.mkdir(parents=True)
    about.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
    about.joinpath("entry_points.txt").write_text("[abaca.plugins]\ngreeting = tests.greeting.plugin:PLUGIN\n")
    path = f"{about.parent}{os.pathsep}{ROOT}"
    return {**os.environ, "PYTHONPATH": path, "ABACA_COMPILE_PREPARE": "false"}


@pytest.fixture
def abaca(environment: dict[str, str]) -> Command:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "abaca", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=50, check=False)

    return run


def test_its_command_is_one_of_abaca(abaca: Command) -> None:
    assert abaca("greet", "Ada").stdout == "hello Ada\n"
    assert "Greet somebody." in abaca("--help").stdout


def test_its_settings_are_among_the_others(abaca: Command) -> None:
    assert "greeting.word" in abaca("config").stdout


def test_a_worker_without_an_application_runs_what_plugins_bring(environment: dict[str, str]) -> None:
    # Given a worker that is told of no application
    command = [sys.executable, "-m", "abaca", "worker"]
    worker = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        # Then the plugin's jobs are run, in the plugin's queue
        with App(os.environ["ABACA_URL"], plugins=[PLUGIN]) as app:
            assert app.plugins["greeting"].greet.opts(wait=40).run_sync("Ada") == "hello Ada"
    finally:
        worker.terminate()
        said = worker.communicate(timeout=30)[1]
    assert "queues=default,compile,documents,greetings" in said


def test_without_any_plugin_a_worker_asks_for_an_application(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("abaca.plugins.extensions", dict)
    answer = running(capsys)("worker")
    assert answer.status == 2
    assert "name an application as module:attribute" in answer.err
