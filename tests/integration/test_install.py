"""The steps of deploy/Dockerfile as a plain script in a fresh folder, and what they make."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.crew import WorkerProcess

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
BUILD, IMAGE = DOCKERFILE.split("FROM ")[1:]
OPT = "/opt/abaca"


def copied(stage: str, into: Path) -> None:
    """What `COPY` puts into a stage's folder."""
    for line in re.findall(r"^COPY (?!--)(.*)$", stage, re.M):
        *sources, target = line.replace("${APP}", "deploy/app").split()
        for source in sources:
            there = into / target.removeprefix("/app").lstrip("./")
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, there, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                there = there if there.suffix else there / Path(source).name
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / source, there)


def steps(stage: str, into: Path) -> list[str]:
    """The `RUN` lines, which put what they make into this folder."""
    return [line.replace(OPT, str(into)) for line in re.findall(r"^RUN (.*)$", stage, re.M)]


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_the_image_is_made_of_what_its_dockerfile_copies_and_works(tmp_path: Path) -> None:
    # Given the files that the first stage copies, and nothing else
    source, installed, app, data = (tmp_path / name for name in ("src", "opt", "app", "data"))
    for folder in (source, app, data):
        folder.mkdir()
    copied(BUILD, source)
    copied(IMAGE, app)
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("ABACA_", "PYTHON", "COV"))}
    # When its steps are run
    for step in steps(BUILD, installed):
        done = subprocess.run(
            ["sh", "-c", step],
            cwd=source,
            env={**bare, "PIP_NO_COMPILE": "1"},  # an image wants that; here it is half of the time
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=560,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    # Then a worker of the application in the image runs jobs
    path = f"{installed / 'bin'}{os.pathsep}{bare['PATH']}"
    environment = {**bare, "PATH": path, "PYTHONPATH": str(app), "ABACA_URL": f"sqlite:///{data / 'jobs.db'}"}
    environment["ABACA_LOG_FORMAT"] = "text"
    command = re.findall(r'^CMD \["(.*)"\]$', IMAGE, re.M)[0].split('", "')
    worker = WorkerProcess.of_command([str(installed / "bin" / "abaca"), *command], environment, data)
    try:
        worker.wait_says("worker started")
        call = "from jobs import greet; assert greet.opts(wait=60).run_sync('Ann') == 'hello, Ann'"
        assert said(["python", "-c", call], environment, data) == 0
        # Then the health check finds it well
        healthy = ["sh", str(ROOT / "deploy" / "healthy.sh"), "worker"]
        assert said(healthy, environment, data) == 0
        # When it is told to stop, Then it ends well, and the health check misses it
        assert worker.stop() == 0
        assert said(healthy, environment, data) != 0
    finally:
        worker.kill()
    # Then the service of the image is well by its own health check
    serve = [str(installed / "bin" / "abaca"), "serve", "jobs:app", "--port=0"]
    service = WorkerProcess.of_command(serve, environment, data)
    try:
        service.wait_says("service started")
        port = re.findall(r"address=http://127\.0\.0\.1:(\d+)", service.log)[0]
        healthy = ["sh", str(ROOT / "deploy" / "healthy.sh"), "serve"]
        assert said(healthy, {**environment, "PORT": port}, data) == 0
        assert service.stop() == 0
        assert said(healthy, {**environment, "PORT": port}, data) != 0
    finally:
        service.kill()
    # When the script is run once more, Then it does not touch what is there
    again = subprocess.run(
        ["sh", "deploy/install.sh", str(installed)], cwd=source, env=bare, capture_output=True, text=True, timeout=60
    )
    assert again.returncode == 1
    assert "give another folder" in again.stderr


def said(words: list[str], environment: dict[str, str], folder: Path) -> int:
    found = shutil.which(words[0], path=environment["PATH"])
    assert found is not None
    done = subprocess.run(
        [found, *words[1:]],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode
