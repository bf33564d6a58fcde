"""Workers and the service inside other people's ASGI programs, under a real server."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 90.0

pytestmark = pytest.mark.timeout(180)  # each starts processes of its own
ADDRESS = re.compile(r"running on (http://127\.0\.0\.1:\d+)")


class Server:
    """One uvicorn; ``url`` is where it answers, ``log`` what it wrote."""

    def __init__(self, program: str, store: str, folder: Path) -> None:
        self.log = ""
        self.url = ""
        self._up = threading.Event()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", program, "--port", "0", "--no-access-log"],
            env={**os.environ, "ABACA_URL": store, "PYTHONPATH": str(ROOT)},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._up.wait(PATIENCE)
        assert self.url, self.log

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.log += line
                if found := ADDRESS.search(line):
                    self.url = found[1]
                    self._up.set()
        self._up.set()

    def ask(self, path: str, body: object = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, json.load(answer)

    def stop(self) -> str:
        """Its whole log, after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return self.log


@contextmanager
def serving(program: str, store: str, folder: Path) -> Iterator[Server]:
    server = Server(program, store, folder)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait(PATIENCE)


@pytest.mark.parametrize("framework", ["fastapi", "starlette", "litestar"])
def test_a_program_enqueues_runs_and_carries_the_service(framework: str, sqlite_url: str, tmp_path: Path) -> None:
    # Given the example for a framework, under uvicorn
    with serving(f"examples.asgi.with_{framework}:api", sqlite_url, tmp_path) as server:
        # When a text is posted, Then the answer is a job
        status, accepted = server.ask("/texts", {"text": "to be or not to be"})
        assert status == 202
        # When its result is asked for, Then the worker of this program has made it
        assert server.ask(f"/texts/{accepted['job']}") == (200, {"to": 2, "be": 2, "or": 1, "not": 1})
        # When the mounted service is asked, Then it shows the same job
        _, shown = server.ask(f"/abaca/api/v1/jobs/{accepted['job']}")
        assert (shown["id"], shown["status"]) == (accepted["job"], "completed")
        # When the program is told to end, Then its lifespan ends well, and the worker with it
        log = server.stop()
    assert "Application shutdown complete" in log
    assert "Traceback" not in log
    assert "Task was destroyed" not in log
