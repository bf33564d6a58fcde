"""A redis-server of the run's own, so that the server itself can be killed, stopped and filled."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from abaca.errors import AbacaError, BackendError, ConfigError
from abaca.verify.redis_space import command
from abaca.verify.wallclock import Wallclock

_START_SECONDS = 60.0
_LOOK = 0.02


class OwnServer:
    """Listens on a free loopback port; its data stay in ``folder`` and outlive its death."""

    def __init__(self, folder: Path, fsync: str, library: Path | None) -> None:
        self._program = shutil.which("redis-server") or shutil.which("valkey-server") or ""
        if not self._program:
            raise ConfigError(
                "--own-server: there is no redis-server on PATH; install one, or give the URL of a server"
            )
        self._folder = folder
        self._fsync = fsync
        self._library = library
        self._process: subprocess.Popen[bytes] | None = None
        self._port = _free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self.clock = Wallclock(folder / "clock") if library is not None else None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    async def start(self) -> float:
        """Start the process and wait until it answers; answers the seconds. Raises ``AbacaError``."""
        began = time.monotonic()
        process = self._process = self._launch()
        while time.monotonic() - began < _START_SECONDS:
            if process.poll() is not None:
                break
            try:
                await command(self.url, "PING")
            except BackendError:
                await asyncio.sleep(_LOOK)
            else:
                return time.monotonic() - began
        raise AbacaError(f"redis-server did not start; its words are in {self._folder / 'server.log'}")

    def _launch(self) -> subprocess.Popen[bytes]:
        environment = dict(os.environ)
        if self.clock is not None and self._library is not None:
            environment |= self.clock.environment(self._library)
        with (self._folder / "server.log").open("ab") as log:
            return subprocess.Popen(
                [*_ends_with_us(), self._program, *self._words()],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    async def kill(self) -> None:
        """SIGKILL: what it had not handed to the kernel is lost."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            await asyncio.to_thread(self._process.wait)

    async def version(self) -> str:
        answer: bytes = await command(self.url, "INFO", "server")
        for line in answer.decode().splitlines():
            name, _, value = line.partition(":")
            if name in ("valkey_version", "redis_version"):
                return value.strip()
        return "unknown"

    def _words(self) -> list[str]:
        settings = {
            "port": str(self._port),
            "bind": "127.0.0.1",
            "dir": str(self._folder),
            "daemonize": "no",
            "save": "",
            "appendonly": "no" if self._fsync == "none" else "yes",
            "appendfsync": "everysec" if self._fsync == "none" else self._fsync,
        }
        return [word for name, value in settings.items() for word in (f"--{name}", value)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _ends_with_us() -> list[str]:
    """A prefix that ends the server when we are killed outright. The kernel ties it to the starting thread."""
    setpriv = shutil.which("setpriv")
    if setpriv is None or threading.current_thread() is not threading.main_thread():
        return []
    return [setpriv, "--pdeathsig", "KILL", "--"]
