"""Where a webhook may go: to public addresses, and to what the settings allow. The name is resolved once."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host, as text."""

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_SPECIAL = tuple(
    ipaddress.ip_network(text)
    for text in (
        # The special-purpose registries (RFC 6890), which each Python knows as they were when it was made
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
        "168.63.129.16/32",  # the platform's own address inside a public cloud
    )
)


class Refused(Exception):
    """The destination is not one that webhooks may reach."""


class Destinations:
    """``allow`` holds networks and host names that may be reached although they are not public."""

    def __init__(self, allow: Iterable[str] = (), resolve: Resolve | None = None) -> None:
        self._networks: list[Network] = []
        self._names: set[str] = set()
        for entry in allow:
            try:
                self._networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                self._names.add(entry.lower().rstrip("."))
        self._resolve = resolve or _look_up

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses to connect to. Raises ``Refused`` unless each may be reached, ``OSError`` for an unknown name.

        One address that may not be reached refuses all: whoever owns the name decides which of them is tried.
        """
        found = list(dict.fromkeys(await self._resolve(host, port)))
        if not found:
            raise OSError(f"the host {host!r} has no address")
        if host.lower().rstrip(".") in self._names:
            return found
        for text in found:
            if not self._may_reach(_parsed(text)):
                raise Refused(
                    f"the address {text} of the host {host!r} is not public; nothing was sent. "
                    "worker.webhook_allow can permit the host or its network; requeue this job then"
                )
        return found

    def _may_reach(self, address: Address) -> bool:
        return is_public(address) or any(address in network for network in self._networks)


def is_public(address: Address) -> bool:
    """Whether the address is one of the open internet, and not one that stands for another (IPv4 inside IPv6)."""
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not any(address in network for network in _SPECIAL)


def _parsed(text: str) -> Address:
    return ipaddress.ip_address(text.partition("%")[0])


async def _look_up(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for _, _, _, _, address in found]
