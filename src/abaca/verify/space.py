"""The part of a store that a run has for itself, beside what is there already."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from abaca.backends.sqlite.settings import parse_url
from abaca.errors import ConfigError


class Space(Protocol):
    """``url`` is the run's own; ``host`` and ``port`` are where a proxy may stand between, if anywhere."""

    @property
    def url(self) -> str: ...

    @property
    def address(self) -> tuple[str, int] | None: ...

    async def open(self) -> None:
        """Look at the store before anything is written. Raises ``BackendUnavailable`` and ``ConfigError``."""
        ...

    async def clean(self) -> int:
        """Remove everything the run stored; answers how many keys or files."""
        ...


class SqliteSpace:
    """A file of its own beside the user's: the same file system, the same settings."""

    address = None

    def __init__(self, url: str, token: str, command: str) -> None:
        settings = parse_url(url)
        if not settings.path.parent.is_dir():
            raise ConfigError(f"abaca {command} needs the folder of the store, and {settings.path.parent} is not there")
        self.path = settings.path.with_name(f"{settings.path.name}.{command}-{token}.db")
        self.url = f"sqlite:///{self.path}?{urlencode({'synchronous': settings.synchronous})}"

    async def open(self) -> None:
        pass  # the file is made by the first client

    async def clean(self) -> int:
        count = 0
        for path in self.path.parent.glob(f"{self.path.name}*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
            count += 1
        return count


def make_space(url: str, token: str, command: str = "verify") -> Space:
    """Named after the command that runs. Raises ``ConfigError`` for a store that processes cannot share."""
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        return SqliteSpace(url, token, command)
    if scheme in ("redis", "rediss"):
        return cast("Space", importlib.import_module("abaca.verify.redis_space").RedisSpace(url, token, command))
    raise ConfigError(f"processes cannot share {scheme}://, and {command} runs some; give a SQLite or Redis URL")


def with_option(url: str, name: str, value: str) -> str:
    """The URL with a query option set."""
    parts = urlsplit(url)
    options = {**dict(parse_qsl(parts.query, keep_blank_values=True)), name: value}
    return urlunsplit(parts._replace(query=urlencode(options)))


def with_port(url: str, host: str, port: int) -> str:
    """The URL with another address, everything else kept."""
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}{at}{host}:{port}"))


def folder_of(url: str) -> Path | None:
    """Where a store's file lies."""
    return parse_url(url).path.parent if urlsplit(url).scheme == "sqlite" else None
