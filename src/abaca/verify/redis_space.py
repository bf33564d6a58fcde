"""A run's keys on a Redis server: below a prefix that nobody else has."""

from __future__ import annotations

from typing import Any

from abaca.backends.redis.address import parse_address
from abaca.backends.redis.server import Server
from abaca.errors import BackendError
from abaca.verify.space import with_option

_SCAN = 500


class RedisSpace:
    """Needs a server that lets this user ``SCAN`` and ``UNLINK``. Keys outside the prefix are never touched."""

    def __init__(self, url: str, token: str, command: str) -> None:
        self._prefix = f"abaca-{command}-{token}"
        self.url = with_option(url, "prefix", self._prefix)
        self._libraries: set[str] | None = None

    @property
    def address(self) -> tuple[str, int]:
        address = parse_address(self.url)
        return address.host, address.port

    async def open(self) -> None:
        self._libraries = _names(await command(self.url, "FUNCTION", "LIST"))

    async def clean(self) -> int:
        """Remove the keys, and the function library if it was not there before."""
        server = Server(parse_address(self.url))
        count = 0
        try:
            cursor = b"0"
            while True:
                cursor, keys = await server.command("SCAN", cursor, "MATCH", f"{self._prefix}:*", "COUNT", str(_SCAN))
                if keys:
                    count += len(keys)
                    await server.command("UNLINK", *keys)
                if cursor == b"0":
                    break
            for name in _names(await server.command("FUNCTION", "LIST")) - (self._libraries or set()):
                if name.startswith("abaca_"):
                    await server.command("FUNCTION", "DELETE", name)
        finally:
            server.close()
            await server.over()
        return count


async def command(url: str, *words: str | int) -> Any:
    """The answer to one command on a connection of its own. Raises ``BackendError``."""
    server = Server(parse_address(url))
    try:
        return await server.command(*(str(word) for word in words))
    finally:
        server.close()
        await server.over()


async def memory_used(url: str) -> int:
    """Bytes that the server uses. Raises ``BackendError``."""
    for line in (await command(url, "INFO", "memory")).decode().splitlines():
        if line.startswith("used_memory:"):
            return int(line.partition(":")[2])
    raise BackendError("the server does not say how much memory it uses")


def _names(libraries: Any) -> set[str]:
    """Names in the answer of FUNCTION LIST, which is a list of maps."""
    return {library[b"library_name"].decode() for library in libraries}
