"""Requests that come from this machine and were meant for it.

A service without keys answers these alone. The address keeps other machines out; the ``Host`` keeps out web pages whose
own name was made to point here; the ``Origin`` keeps out web pages that post here openly; and a request that passed a
proxy comes from anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

_PASSED_ON = (b"x-forwarded-for", b"x-forwarded-host", b"forwarded", b"x-real-ip", b"via")


def not_loopback(scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> str | None:
    """Why a request does not count as from here, ``None`` for one that does."""
    client = scope.get("client")
    if client is None or not is_loopback(client[0]):
        return "the request comes from another machine"
    if any(name in headers for name in _PASSED_ON):
        return "the request came through a proxy"
    host = headers.get(b"host", b"").decode("latin-1")
    if not is_loopback(host_name(host)):
        return "the request's Host is no name of this machine"
    origin = headers.get(b"origin")
    if origin is not None and origin.decode("latin-1").partition("://")[2] != host:
        return "the request was made by a web page of another origin"
    return None


@lru_cache(4096)
def is_loopback(host: str) -> bool:
    """Whether a host name or an address stands for this machine alone."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str:
    """The name in a ``Host`` header, without the port."""
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
