"""A private Redis for one measurement, and a client of a few lines to look into it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

Reply = int | bytes | None

PERSISTENCE: dict[str, tuple[str, ...]] = {
    "none": ("--save", "", "--appendonly", "no"),
    "aof": ("--save", "", "--appendonly", "yes", "--appendfsync", "everysec"),
}
START_SECONDS = 10.0


class MissingServer(Exception):
    """There is no redis-server on this machine."""


class Client:
    """Speaks as much of the Redis protocol as the harness needs: whole numbers, short strings, no nested answers."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")

    def call(self, *words: str) -> Reply:
        parts = [f"*{len(words)}\r\n".encode()]
        for word in words:
            data = word.encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
        self._socket.sendall(b"".join(parts))
        line = self._file.readline().rstrip(b"\r\n")
        kind, rest = line[:1], line[1:]
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest
        if kind == b"$":
            return None if rest == b"-1" else self._file.read(int(rest) + 2)[:-2]
        raise RuntimeError(f"redis answered {line!r} to {' '.join(words)}")

    def number(self, *words: str) -> int:
        reply = self.call(*words)
        return int(reply) if reply is not None else 0

    def used_memory(self) -> int:
        """Bytes that the server has allocated, by its own count."""
        reply = self.call("INFO", "memory")
        assert isinstance(reply, bytes)
        for line in reply.splitlines():
            if line.startswith(b"used_memory:"):
                return int(line.partition(b":")[2])
        raise RuntimeError("INFO memory has no line used_memory")

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@dataclass(frozen=True)
class Server:
    pid: int
    port: int
    client: Client

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


def redis_binary() -> str:
    """The path of redis-server. Raises MissingServer with the command that installs it."""
    found = shutil.which("redis-server")
    if found is None:
        raise MissingServer("redis-server is not installed; run: apt-get install -y redis-server")
    return found


def redis_version() -> str:
    words = subprocess.run([redis_binary(), "--version"], capture_output=True, text=True, check=True).stdout.split()
    return next(word.removeprefix("v=") for word in words if word.startswith("v="))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_redis(folder: Path, persistence: str) -> Iterator[Server]:
    """A server of its own on a free loopback port, its files in ``folder``; it is gone when the block ends."""
    port = free_port()
    command = [redis_binary(), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--daemonize", "no"]
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen([*command, *PERSISTENCE[persistence]], stdout=log, stderr=log)
    try:
        client = _connect(process, port, folder / "redis.log")
        try:
            yield Server(process.pid, port, client)
        finally:
            client.close()
    finally:
        process.terminate()
        process.wait(timeout=30)


def _connect(process: subprocess.Popen[bytes], port: int, log: Path) -> Client:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return Client(port)
        except ConnectionRefusedError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"redis-server did not start: {log.read_text()[-500:]}") from None
            time.sleep(0.01)
