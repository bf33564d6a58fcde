"""The HTTP side of webhooks. Loaded when the first one is sent, because it needs ``abaca[webhooks]``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import httpcore

from abaca.worker.webhook import Answer


class _Pinned:
    """Connects to the addresses that were looked at, whatever the name resolves to by now."""

    def __init__(self, addresses: list[str]) -> None:
        self._addresses = addresses
        self._inner: Any = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception | None = None
        for address in self._addresses:
            try:
                stream: httpcore.AsyncNetworkStream = await self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
                return stream
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError("there is no address")

    async def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        raise httpcore.ConnectError("webhooks go to addresses of the network only")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


async def send(
    url: str, headers: Mapping[str, str], body: bytes, addresses: list[str], timeout: float, keep: int
) -> Answer:
    """POST, without redirects, proxies, cookies or compression; ``timeout`` is for all of it. Raises ``OSError``."""
    network: Any = _Pinned(addresses)
    try:
        async with (
            asyncio.timeout(timeout),
            httpcore.AsyncConnectionPool(
                ssl_context=httpcore.default_ssl_context(), network_backend=network, retries=0
            ) as pool,
            pool.stream("POST", url, headers=list(headers.items()), content=body) as response,
        ):
            return await _read(response, keep)
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
        raise OSError(f"{type(error).__name__}: {error}") from error


async def _read(response: httpcore.Response, keep: int) -> Answer:
    """The status decides; of the body only the beginning is looked at, and a slow one is waited for a moment."""
    kept = bytearray()
    try:
        async with asyncio.timeout(_SLOW_BODY):
            async for part in response.aiter_stream():
                kept += part
                if len(kept) >= keep:
                    break
    except (TimeoutError, httpcore.NetworkError, httpcore.ProtocolError):
        pass
    named = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    return Answer(status=response.status, headers=named, body=bytes(kept[:keep]))


_SLOW_BODY = 2.0
