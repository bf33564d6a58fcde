"""The way to a Chroma: a server that many hosts use, or a folder that one process uses."""

from __future__ import annotations

import asyncio
import fcntl
import importlib
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from abaca import ConfigError
from abaca_documents.errors import DocumentsError, StoreUnavailable

T = TypeVar("T")
SCHEMES = ("chroma", "chromas")
PORT = 8000
SECONDS = 60.0
"""That a server may take for one answer."""
INDEX = "index"
"""In the folder of an embedded Chroma, what is Chroma's own."""
_DATABASE = "default_database"
_held: dict[Path, tuple[int, int]] = {}
_holding = threading.Lock()


class Chroma:
    """Belongs to one event loop. ``chroma://host:8000/database`` is a server, ``chromas://`` one behind TLS, and
    ``chroma:///folder`` a folder. Nothing is reached before the first call,
    and not before ``admit``, which refuses by what it raises."""

    def __init__(
        self, url: str, what: str = "documents.vectors", admit: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._admit = admit
        parts = check_url(url, what)
        self.folder = None if parts.netloc else Path(unquote(parts.path)[1:])
        self._host, self._port = parts.hostname or "", parts.port or PORT
        self._what, self._url = what, url
        self._is_safe = parts.scheme == "chromas"
        self._database = unquote(parts.path).strip("/") or _DATABASE
        self._threads: ThreadPoolExecutor | None = None
        self._client: Any = None
        self._quiet = _Quiet(f"//{self._host}:{self._port}/")
        self._opening = threading.Lock()

    async def run(self, act: Callable[[Any], T]) -> T:
        """Call ``act`` with the client, in a thread. A cancel waits for it to end, so nothing is written later."""
        if self._admit is not None:
            await self._admit()
            self._admit = None
        if self._threads is None:
            self._threads = ThreadPoolExecutor(4, "documents-chroma")
        running = asyncio.get_running_loop().run_in_executor(self._threads, self._perform, act)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            raise

    async def close(self) -> None:
        if self._threads is not None:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._close)
            self._threads.shutdown()
            self._threads = None

    def _perform(self, act: Callable[[Any], T]) -> T:
        try:
            with self._opening:
                if self._client is None:
                    self._client = self._open()
            return act(self._client)
        except Exception as error:
            if is_missing(error) or isinstance(error, DocumentsError | ConfigError):
                raise
            if _is_refusal(error):
                raise DocumentsError(f"Chroma at {self._url} refuses: {error}") from error
            raise StoreUnavailable(
                f"Chroma at {self._url}: {type(error).__name__}: {error}; repeating is safe"
            ) from error

    def _open(self) -> Any:
        try:
            chromadb: Any = importlib.import_module("chromadb")
        except ImportError as error:
            raise ConfigError(
                f"{self._what}: {self._url} needs Chroma, which is not installed: pip install 'abaca[documents-chroma]'"
            ) from error
        settings = chromadb.config.Settings(anonymized_telemetry=False)
        if self.folder is None:
            return self._connect(chromadb, settings)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _hold(self.folder.resolve(), self._what)
        try:
            return chromadb.PersistentClient(path=str(self.folder.resolve() / INDEX), settings=settings)
        except BaseException:
            _let_go(self.folder.resolve())
            raise

    def _connect(self, chromadb: Any, settings: Any) -> Any:
        logging.getLogger("httpx").addFilter(self._quiet)
        place = {"host": self._host, "port": self._port, "ssl": self._is_safe}
        try:
            client = chromadb.HttpClient(**place, settings=settings)
        except ValueError as error:
            raise StoreUnavailable(f"Chroma at {self._url}: {error}; repeating is safe") from error
        for session in _sessions(client):
            session.timeout = SECONDS  # without it a server that hangs is waited for without end
        if self._database != _DATABASE:
            try:
                client.set_database(self._database)
            except Exception:
                client._admin_client.create_database(self._database)
                client.set_database(self._database)
        return client

    def _close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            for session in _sessions(client):
                session.close()
            client.close()
            logging.getLogger("httpx").removeFilter(self._quiet)
            if self.folder is not None:
                _let_go(self.folder.resolve())


class _Quiet(logging.Filter):
    """Chroma's client logs each request, and a search is several; those to other places are not its affair."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.INFO or self.name not in record.getMessage()


def check_url(url: str, what: str) -> SplitResult:
    """Raises ``ConfigError``, naming the setting ``what``."""
    parts = urlsplit(url)
    try:
        is_server = bool(parts.hostname) and (parts.port or PORT) > 0
    except ValueError as error:
        raise ConfigError(f"{what}: {url!r} cannot be used: {error}") from error
    if not is_server and (parts.scheme != "chroma" or parts.netloc or not parts.path.strip("/")):
        raise ConfigError(f"{what}: {url!r} cannot be used; give chroma://host:{PORT} or chroma:///folder")
    return parts


def _sessions(client: Any) -> list[Any]:
    """The HTTP connections of a client, which Chroma neither bounds nor closes; an embedded one has none."""
    servers = (getattr(each, "_server", None) for each in (client, getattr(client, "_admin_client", None)))
    return [session for each in servers if (session := getattr(each, "_session", None)) is not None]


def is_missing(error: BaseException) -> bool:
    """What was asked for is not there. Chroma's classes are told by name, since it may not be installed."""
    return type(error).__name__ == "NotFoundError"


def _is_refusal(error: BaseException) -> bool:
    return type(error).__name__ in ("InvalidArgumentError", "InvalidDimensionException", "ValueError", "TypeError")


def _hold(folder: Path, what: str) -> None:
    """An embedded Chroma does not see what another process writes, and answers from what it had."""
    with _holding:
        handle, count = _held.get(folder, (-1, 0))
        if not count:
            handle = os.open(folder / "abaca.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(handle)
                raise ConfigError(
                    f"{what}: another process uses the Chroma in {folder}, and one process at a time can. Let one "
                    f"process do all work of documents, or start a server with `chroma run` and name it in each of "
                    f"them, as chroma://localhost:{PORT}"
                ) from error
        _held[folder] = (handle, count + 1)


def _let_go(folder: Path) -> None:
    with _holding:
        handle, count = _held.pop(folder)
        if count > 1:
            _held[folder] = (handle, count - 1)
        else:
            os.close(handle)
