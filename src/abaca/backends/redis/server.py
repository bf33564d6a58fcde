"""The way to the server: connects, connects again, runs scripts, and turns every failure into the project's errors."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import hiredis

from abaca.backends.redis.address import Address
from abaca.backends.redis.link import Link, Push
from abaca.backends.redis.scripts import library
from abaca.errors import BackendError, BackendUnavailable, ConfigError

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_REFUSED_FOR_NOW = {
    "OOM": "the store is full (maxmemory); nothing was written; free memory or raise maxmemory, then try again",
    "LOADING": "the server is loading its data; try again",
    "READONLY": "the server is a replica and takes no writes; try again once the primary is back",
    "MASTERDOWN": "the server is a replica without its primary; try again",
    "MISCONF": "the server cannot write to its disk and takes no writes; free its disk, then try again",
    "NOREPLICAS": "the server has too few replicas to take writes; try again",
    "BUSY": "the server is busy with a script; try again",
    "CLUSTERDOWN": "the cluster is down; try again",
    "TRYAGAIN": "the server is moving keys; try again",
}
_NOT_LET_IN = ("NOAUTH", "WRONGPASS", "NOPERM", "ERR invalid password", "ERR AUTH", "ERR DB index", "ERR invalid DB")


def translate(where: str, error: Exception) -> BackendError:
    """The project's error for one of the server."""
    text = str(error)
    code = text.split(" ", 1)[0]
    if code in _REFUSED_FOR_NOW:
        return BackendUnavailable(f"{where}: {_REFUSED_FOR_NOW[code]} ({text})")
    return BackendError(f"{where}: {text}")


class Server:
    """Holds at most one connection. It belongs to one event loop.

    ``on_up`` runs after every connect, before anybody may use the connection; ``on_lost`` when it is lost.
    """

    def __init__(
        self,
        address: Address,
        on_push: Push | None = None,
        on_up: Callable[[Link], None] | None = None,
        on_lost: Callable[[], None] | None = None,
    ) -> None:
        self._address = address
        self._library = library()
        self._on_push = on_push
        self._on_up = on_up
        self._on_lost = on_lost
        self._link: Link | None = None
        self._connecting: asyncio.Task[Link] | None = None
        self._failures = 0
        self._not_before = 0.0
        self._keeper: AsyncGenerator[None, None] | None = None

    @property
    def up(self) -> bool:
        return self._link is not None and not self._link.closed

    def present(self) -> Link | None:
        """The connection, if there is one now."""
        return self._link if self.up else None

    async def run(self, verb: str, *words: Any, before: Sequence[Sequence[Any]] = ()) -> Any:
        """The answer of a verb's script. Safe to send again when the server does not know it: then nothing has run.

        ``before``: see ``Link.send``.
        """
        link = self._link
        if link is None or link.closed:
            link = await self.link()
        name = self._library.verbs[verb]
        reply = await link.send(b"FCALL", name, b"1", *words, before=before)
        if isinstance(reply, hiredis.ReplyError):
            if str(reply).startswith("ERR Function not found"):
                reply = await link.send(b"FUNCTION", b"LOAD", b"REPLACE", self._library.text)
                if not isinstance(reply, hiredis.ReplyError):
                    reply = await link.send(b"FCALL", name, b"1", *words)
            if isinstance(reply, hiredis.ReplyError):
                raise translate(f"{self._address}, {verb}", reply)
        return reply

    async def command(self, *words: Any) -> Any:
        reply = await (await self.link()).send(*words)
        if isinstance(reply, hiredis.ReplyError):
            raise translate(f"{self._address}, {words[0]}", reply)
        return reply

    async def link(self) -> Link:
        """The connection, made if there is none. Everybody who asks meanwhile waits for the same attempt."""
        if self._link is not None and not self._link.closed:
            return self._link
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(_look_at)
        return await asyncio.shield(self._connecting)

    async def _connect(self) -> Link:
        loop = asyncio.get_running_loop()
        pause = self._not_before - loop.time()
        if pause > 0:
            await asyncio.sleep(min(pause, _LONGEST_PAUSE))
        try:
            async with asyncio.timeout(self._address.timeout):
                link = await self._open(loop)
        except (OSError, TimeoutError) as error:
            self._failures += 1
            longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(self._failures, 10))
            self._not_before = loop.time() + longest * random.uniform(0.5, 1)
            if isinstance(error, BackendUnavailable):
                raise
            reason = str(error) or f"no answer within {self._address.timeout:g} s"
            raise BackendUnavailable(
                f"{self._address} cannot be reached: {reason}; the next call tries again"
            ) from error
        self._failures, self._not_before = 0, 0.0
        self._link = link
        if self._keeper is None:
            self._keeper = self._until_the_loop_ends()
            await anext(self._keeper)
        if self._on_up is not None:
            self._on_up(link)
        return link

    async def _open(self, loop: asyncio.AbstractEventLoop) -> Link:
        address = self._address
        _, link = await loop.create_connection(
            lambda: Link(str(address), address.timeout, self._on_push, self._lost),
            address.host,
            address.port,
            ssl=address.tls,
        )
        try:
            hello: list[str] = ["HELLO", "3"]
            if address.password is not None:
                hello += ["AUTH", address.username or "default", address.password]
            replies = [link.send(*hello), link.send("SELECT", str(address.db))]
            for reply in await asyncio.gather(*replies):
                if isinstance(reply, hiredis.ReplyError):
                    raise self._refusal(reply)
        except BaseException:
            link.close()
            raise
        return link

    def _refusal(self, error: Exception) -> Exception:
        text = str(error)
        if text.startswith(_NOT_LET_IN):
            return ConfigError(f"{self._address} does not let this client in: {text}; check the store URL")
        if text.startswith("NOPROTO") or "unknown command" in text:
            return ConfigError(f"{self._address} is too old: Redis 7 or later, or Valkey, is needed ({text})")
        return translate(str(self._address), error)

    def _lost(self, link: Link) -> None:
        if link is self._link and self._on_lost is not None:
            self._on_lost()

    def close(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
        if self._link is not None:
            self._link.close()

    async def over(self) -> None:
        """Returns once a closed connection's socket is closed too."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            await keeper.aclose()

    async def _until_the_loop_ends(self) -> AsyncGenerator[None, None]:
        """A loop that shuts down ends the generators that were begun in it: so no connection is left open behind it."""
        try:
            yield
        finally:
            self.close()
            if self._link is not None:
                await self._link.over()


def _look_at(task: asyncio.Task[Any]) -> None:
    """Retrieve a failure that nobody waits for any more, so that it is not logged as forgotten."""
    if not task.cancelled():
        task.exception()
