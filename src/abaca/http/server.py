"""Running the service by itself: one process, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import uvicorn

from abaca.app import App
from abaca.config import hide_passwords
from abaca.errors import ConfigError
from abaca.http.application import asgi
from abaca.http.gate import Gate
from abaca.http.loopback import is_loopback
from abaca.http.settings import HttpSettings
from abaca.keys import any_key
from abaca.logs import service_log

BACKLOG = 2048
_YOUNG_OBJECTS = 10_000


async def serve(app: App, settings: HttpSettings, host: str, port: int, drain: float) -> None:
    """Answer requests until a signal comes; requests that are under way have ``drain`` seconds then.

    Raises ``ConfigError`` for an address that cannot be used, and for one beyond this machine while there are no keys.
    """
    await check_open(app, settings, host)
    open_more_files()
    service = asgi(app, settings)
    sockets = [listener(host, port)]
    server = _Server(uvicorn_config(service, drain), service)
    server.listens(sockets[0])
    with server.stopped_by_signals():
        await server.serve(sockets)
    service_log().info("service stopped")


def open_more_files() -> None:
    """Let this process have as many connections as the system lets it: the usual limit is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError) as error:  # a system that names no limit may still have one
            service_log().warning("the limit of open files stays as it is", limit=soft, error=str(error))


def collect_less_often() -> None:
    """For a process that does nothing but serve. What is loaded stays as long as it, and requests make short-lived
    objects: Python's 700 of them would have the collector look in the middle of each batch of requests."""
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)


def uvicorn_config(program: Any, drain: float) -> uvicorn.Config:
    return uvicorn.Config(
        program,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        backlog=BACKLOG,
        timeout_graceful_shutdown=max(1, round(drain)),
    )


async def check_open(app: App, settings: HttpSettings, host: str) -> None:
    """Raises ``ConfigError`` where the service would answer other machines without asking for a key."""
    if is_loopback(host):
        return
    if settings.auth is False:
        raise ConfigError(
            f"serve.host is {host}, and keys may be left out on loopback alone; leave --no-auth out, or serve 127.0.0.1"
        )
    if not await any_key(app.client()):
        raise ConfigError(
            f"serve.host is {host}, which other machines can reach, and the store has no API key; make one with "
            "`abaca keys create NAME --scope admin`, or serve 127.0.0.1"
        )


def listener(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ``ConfigError`` for an address that is taken or not of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host.strip("[]"), port))
        found.listen(BACKLOG)
    except OSError as error:
        found.close()
        raise ConfigError(f"serve: {host} port {port} cannot be listened at: {error.strerror or error}") from error
    found.set_inheritable(False)
    return found


class _Server(uvicorn.Server):
    """Says where it listens once it does. The first signal ends streams and lets requests finish, a second one does
    not wait for them."""

    def __init__(self, config: uvicorn.Config, service: Gate) -> None:
        super().__init__(config)
        self._gate = service
        self._ending: asyncio.Task[None] | None = None
        self._where = ""

    def listens(self, at: socket.socket) -> None:
        host, port = at.getsockname()[:2]
        self._where = f"http://{f'[{host}]' if ':' in host else host}:{port}"

    async def startup(self, sockets: Sequence[socket.socket] | None = None) -> None:
        await super().startup(list(sockets) if sockets is not None else None)
        app = self._gate.service.app
        service_log().info("service started", address=self._where, store=hide_passwords(app.url))

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Those of ``stopped_by_signals`` do."""
        yield

    @contextmanager
    def stopped_by_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGTERM, signal.SIGINT)
        for number in numbers:
            loop.add_signal_handler(number, self._stop)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_IGN)  # one that comes while the process leaves is no failure

    def _stop(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True
        if self._ending is None:
            self._ending = asyncio.get_running_loop().create_task(self._gate.service.close())
