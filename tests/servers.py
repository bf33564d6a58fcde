"""Private real servers for tests: on a free loopback port, in a folder of their own, stopped by process id."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

READY = "Ready to accept connections"
START_TIMEOUT = 20.0
STOP_TIMEOUT = 10.0
WIPE = (
    b"CLIENT KILL TYPE normal SKIPME yes",
    b"CLIENT KILL TYPE pubsub SKIPME yes",
    b"FLUSHALL",
    b"SCRIPT FLUSH",
)
"""As a person would type it: no client has to be set up before each test."""
_PORTS = (15_000, 30_000)
"""Below those that Linux and others give to connections by default, which begin at 32,768."""

Option = str | int | bool


class ServerError(RuntimeError):
    """A server did not start. The message ends with what it wrote."""


class RedisServer:
    """One redis-server process. After `stop`, `kill` or a crash, `start` brings it back on its port and folder."""

    def __init__(self, program: str, folder: Path, **options: Option) -> None:
        self.folder = folder
        self.port = 0
        self._program = program
        self._options: dict[str, Option] = {"save": "", "appendonly": False, **options}
        self._process: subprocess.Popen[str] | None = None
        self._log: list[str] = []

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """The id of the running process; an assertion fails when there is none."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    @property
    def log(self) -> str:
        return "".join(self._log)

    def start(self, **options: Option) -> None:
        """Starts the process and returns when it accepts connections; `options` are kept for later starts.

        The first start picks the port. Another process may take it in between, so that start is tried again elsewhere.
        """
        assert self._process is None, "the server is running already"
        self._options.update(options)
        self.folder.mkdir(parents=True, exist_ok=True)
        attempts = 1 if self.port else 5
        for attempt in range(1, attempts + 1):
            port = self.port or free_port()
            if self._launch(port):
                self.port = port
                return
            if attempt == attempts or "Address already in use" not in self.log:
                raise ServerError(f"{self._program} did not start on port {port}:\n{self.log}")

    def stop(self) -> None:
        """SIGTERM: the server saves what it is set to save, and ends. Does nothing when it is not running."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: what was not written yet is lost. Does nothing when it is not running."""
        self._end(signal.SIGKILL)

    def restart(self, **options: Option) -> None:
        """`stop`, then `start` on the same port and folder."""
        self.stop()
        self.start(**options)

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, and nothing answers until `thaw`."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def command(self, *words: str | int | bytes) -> Any:
        """Sends one command on a connection of its own and returns the decoded answer; names may hold bytes of ids."""
        once, escaped = Retry(NoBackoff(), 0), "backslashreplace"
        with redis.Redis(
            host="127.0.0.1", port=self.port, decode_responses=True, encoding_errors=escaped, retry=once
        ) as client:
            return client.execute_command(*words)

    def wipe(self) -> None:
        """Drops every other connection first, so that nothing left over from another test writes after the flush."""
        with socket.create_connection(("127.0.0.1", self.port), START_TIMEOUT) as line, line.makefile("rb") as answers:
            line.sendall(b"".join(word + b"\r\n" for word in WIPE))
            said = [answers.readline() for _ in WIPE]
        assert all(answer[:1] in (b":", b"+") for answer in said), said

    def _launch(self, port: int) -> bool:
        self._log.clear()
        heard = threading.Event()
        process = subprocess.Popen(
            [*_ends_with_us(), self._program, *self._arguments(port)],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        reader = threading.Thread(target=self._read, args=(process, heard), daemon=True)
        reader.start()
        if heard.wait(START_TIMEOUT) and READY in self.log:
            self._process = process
            return True
        process.kill()
        process.wait(STOP_TIMEOUT)
        reader.join(STOP_TIMEOUT)
        return False

    def _arguments(self, port: int) -> list[str]:
        fixed: dict[str, Option] = {"port": port, "bind": "127.0.0.1", "dir": str(self.folder), "daemonize": False}
        words = []
        for name, value in (fixed | self._options).items():
            text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
            words += [f"--{name.replace('_', '-')}", text]
        return words

    def _read(self, process: subprocess.Popen[str], heard: threading.Event) -> None:
        """Keeps what the server writes, and tells when it is ready or has ended, whichever comes first."""
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self._log.append(line)
                if READY in line:
                    heard.set()
        heard.set()

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(how)
            process.send_signal(signal.SIGCONT)
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_TIMEOUT)


def require_redis() -> str:
    """The redis-server program. Without one: skips the test, or fails it where CI is set."""
    program = os.environ.get("ABACA_TEST_REDIS_SERVER") or shutil.which("redis-server") or shutil.which("valkey-server")
    if program:
        return program
    word = "redis-server is not on PATH. `make test` installs it for root; otherwise: sudo apt-get install redis-server"
    if os.environ.get("CI"):
        pytest.fail(word, pytrace=False)
    pytest.skip(word)


def free_port() -> int:
    """A port that nobody listens at, and that the kernel gives to nobody who asks for any: it stays free meanwhile."""
    ports = range(*_PORTS)
    for port in random.SystemRandom().sample(ports, len(ports)):  # seeded ones would meet in all processes
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServerError(f"no port of {_PORTS[0]} to {_PORTS[1] - 1} is free")


def _ends_with_us() -> list[str]:
    """A prefix that ends the server when the tests are killed outright. The kernel ties it to the starting thread."""
    setpriv = shutil.which("setpriv")
    if setpriv is None or threading.current_thread() is not threading.main_thread():
        return []
    return [setpriv, "--pdeathsig", "KILL", "--"]
