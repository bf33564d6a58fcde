"""The demo's workers: real ``abaca worker`` processes, started, killed and stopped by process id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from types import TracebackType
from typing import Self

from abaca.errors import AbacaError

LEASE_SECONDS = 3
CONCURRENCY = 4
"""Slots of a worker: one file is parsed at a time in a process, and the others are there when it is done."""
_STOP_SECONDS = 15.0
_APPLICATION = "abaca.cli.demo.tasks:app"


class Fleet:
    """Workers of one queue. What they write is kept apart and shown only when one ends by itself."""

    def __init__(self, url: str, queue: str) -> None:
        self._queue = queue
        self._workers: dict[int, subprocess.Popen[bytes]] = {}
        self._started = 0
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ABACA_")}
        silent = {"PYTHONWARNINGS": "ignore"}  # what the analysed code would be warned of is no news here
        self._environment = {**kept, **silent, "ABACA_URL": url}

    def start(self) -> None:
        self._started += 1
        command = [
            *(sys.executable, "-m", "abaca", "worker", _APPLICATION),
            *("--config", os.devnull, "--queues", self._queue, "--name", f"demo-{self._started}"),
            *("--concurrency", str(CONCURRENCY), "--lease", f"{LEASE_SECONDS}s", "--beat", f"{LEASE_SECONDS / 3:g}s"),
            *("--log-level", "warning"),
        ]
        worker = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, env=self._environment
        )
        self._workers[worker.pid] = worker

    def kill(self, pid: int) -> None:
        """SIGKILL to one of our own, and nobody else: its runners end with it, and nothing is tidied up."""
        worker = self._workers.pop(pid)
        worker.send_signal(signal.SIGKILL)
        worker.wait()

    def owns(self, pid: int) -> bool:
        return pid in self._workers

    def check(self) -> None:
        """Raises ``AbacaError`` with the last words of a worker that ended by itself."""
        for worker in self._workers.values():
            if worker.poll() is not None:
                raise AbacaError(f"a worker of the demo ended with status {worker.returncode}: {self.last_words()}")

    def last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return " / ".join(lines[-5:]) or "it wrote nothing"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for worker in self._workers.values():
            worker.terminate()
        for worker in self._workers.values():
            try:
                worker.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        self._log.close()
