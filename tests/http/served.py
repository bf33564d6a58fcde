"""``abaca serve`` and other commands as processes of their own, stopped when the block ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from tests.servers import free_port

PATIENCE = 90.0
PAUSE = 0.05


def wait_for(true: Callable[[], bool]) -> None:
    """Until something is so, because another process brings it about."""
    limit = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(PAUSE)  # sleeps: another process is watched over HTTP


@contextmanager
def running(folder: Path, environ: Mapping[str, str], *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command of abaca, ended by SIGTERM, and by SIGKILL if that does not help."""
    with (folder / f"{words[0]}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "abaca", *words],
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def typed(script: str, folder: Path, environ: Mapping[str, str], seconds: float = 150) -> str:
    """What a script of bash prints. An assertion fails where a line of it fails."""
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", script],
        cwd=folder,
        env=dict(environ),
        capture_output=True,
        text=True,
        timeout=seconds,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{script}: {done.stderr}"
    return done.stdout


class Served:
    """A service of its own process, which answers when the block begins."""

    def __init__(self, folder: Path, environ: Mapping[str, str], *words: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._block = running(folder, environ, "serve", "--port", str(self.port), *words)

    def __enter__(self) -> Served:
        self.process = self._block.__enter__()
        wait_for(lambda: bool(self.get("/live")))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._block.__exit__(kind, error, trace)

    def get(self, path: str, timeout: float = 10) -> bytes:
        """The body of an answer with 200; nothing for any other, and while nobody listens."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=timeout) as answer:
                body: bytes = answer.read()
                return body
        except (urllib.error.URLError, OSError):
            assert self.process.poll() is None, "the service has ended"
            return b""
