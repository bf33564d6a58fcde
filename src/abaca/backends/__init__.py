"""Stores, opened by URL. The one dynamic import of the project is here, so that an unused store costs nothing."""

from __future__ import annotations

import importlib
from typing import cast
from urllib.parse import urlsplit

from abaca.backend import Backend
from abaca.clock import Clock
from abaca.errors import ConfigError

_SCHEMES = {
    "memory": ("abaca.backends.memory", None),
    "sqlite": ("abaca.backends.sqlite", None),
    "redis": ("abaca.backends.redis", "redis"),
    "rediss": ("abaca.backends.redis", "redis"),
}
_LATER = {"postgresql", "postgres"}


def open_backend(url: str, clock: Clock | None = None) -> Backend:
    """Make the backend for a URL; nothing is connected before its ``open``.

    Raises ``ConfigError`` for a scheme that is unknown, not there yet, or whose extra is not installed.
    """
    scheme = urlsplit(url).scheme
    if scheme in _LATER:
        raise ConfigError(f"store URL {scheme}://...: PostgreSQL is later work; use sqlite:// or redis://")
    if scheme not in _SCHEMES:
        raise ConfigError(
            f"store URL scheme {scheme!r} is unknown; use memory://, sqlite:///file.db, redis:// or rediss://"
        )
    module_name, extra = _SCHEMES[scheme]
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if extra is None or error.name is None or error.name.startswith("abaca"):
            raise
        raise ConfigError(f"store URL {scheme}://... needs the extra: pip install 'abaca[{extra}]'") from error
    return cast("Backend", module.from_url(url, clock))
