"""The services that are measured, each a process of its own with a store of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from abaca import App
from abaca.keys import create_key
from benchmarks.server import free_port

START_SECONDS = 30.0
PAUSE = 0.05


@dataclass(frozen=True)
class Place:
    pid: int
    port: int
    headers: Mapping[str, str]

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join([*lines, "", ""]).encode() + body


@contextmanager
def hello(folder: Path) -> Iterator[Place]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.service.hello", str(port)]
    with _running(command, folder / "hello.log", {}, port, "/hello") as pid:
        yield Place(pid, port, {})


@contextmanager
def served(url: str, folder: Path) -> Iterator[Place]:
    """``abaca serve`` on this store, whose callers need a key, with one task announced, ``resize``."""
    key = asyncio.run(_prepare(url))
    port = free_port()
    command = [sys.executable, "-m", "abaca", "serve", "--port", str(port)]
    with _running(command, folder / f"{url.partition(':')[0]}.log", {"ABACA_URL": url}, port, "/live") as pid:
        yield Place(pid, port, {"Authorization": f"Bearer {key}"})


async def _prepare(url: str) -> str:
    app = App(url)

    @app.task(name="resize")
    async def resize(path: str, width: int = 640) -> str:
        return f"{path}-{width}"

    async with app, app.worker():
        _, key = await create_key(app.client(), "bench", scopes=["admin"])
    return key


@contextmanager
def _running(command: list[str], log: Path, environ: Mapping[str, str], port: int, path: str) -> Iterator[int]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=os.environ | environ)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(f"http://127.0.0.1:{port}{path}"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{' '.join(command)} did not start: {log.read_text()[-500:]}")
            time.sleep(PAUSE)
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False
