"""What every request passes before any route: its id, its body's limit, who calls; and what every answer carries."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

from abaca.http.caller import Caller
from abaca.http.endpoint import failure
from abaca.http.errors import ApiError, Code
from abaca.http.rates import Allowance
from abaca.http.requests import API
from abaca.http.service import Service
from abaca.http.sessions import CSRF_HEADER

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Message, Receive, Send], Awaitable[None]]
Pairs = list[tuple[bytes, bytes]]
Headers = Mapping[bytes, bytes]

_SAFE = ("GET", "HEAD", "OPTIONS")
OPEN = frozenset({"/live", "/ready", "/health", f"{API}/version", f"{API}/openapi.json", f"{API}/docs"})
"""Paths at which nobody is asked who calls, and the store is not touched."""

_SANE = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")

SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"),
    (b"cache-control", b"no-store"),
]
"""Headers of every answer that does not carry its own."""


class Gate:
    """The outermost layer, around the routes of Litestar."""

    def __init__(self, inner: ASGIApp, service: Service) -> None:
        self._inner = inner
        self.service = service

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, self._closing(receive) if scope["type"] == "lifespan" else receive, send)
            return
        headers = dict(scope["headers"])
        request_id = headers.get(b"x-request-id", b"")
        if not _SANE.fullmatch(request_id):
            request_id = secrets.token_hex(16).encode()
        extra = [(b"x-request-id", request_id)]

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _complete(message["headers"], extra)
            await send(message)

        inner = _unmounted(scope)
        state = inner["state"]
        state["abaca.request_id"] = request_id.decode()
        state["abaca.headers"] = headers
        state["abaca.service"] = self.service
        try:
            state["abaca.caller"] = await self._admit(inner, headers, extra)
        except Exception as error:
            await failure(error, state["abaca.request_id"])(scope, receive, answer)  # type: ignore[arg-type]
            return
        await self._inner(inner, _limited(receive, headers, self.service.largest_body(inner["path"])), answer)

    def _closing(self, receive: Receive) -> Receive:
        """``receive``, which closes the service and its app when the server says that it ends."""

        async def receive_and_close() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self.service.close()
                await self.service.app.close()
            return message

        return receive_and_close

    async def _admit(self, scope: Message, headers: Headers, extra: Pairs) -> Caller | ApiError | None:
        """Who calls, or why nobody does: what that means is the route's to say. Raises when nobody gets further."""
        if scope["path"] in OPEN:
            return None
        client = self.service.app.client()
        caller = await self.service.callers.of(client, scope, headers)
        if isinstance(caller, ApiError):
            return caller
        if caller.csrf is not None and scope["method"] not in _SAFE and scope["path"].startswith(f"{API}/"):
            check_csrf(caller, headers.get(CSRF_HEADER.lower().encode(), b"").decode("latin-1"))
        allowance = await self.service.callers.allowance(client, caller)
        if allowance is not None:
            if not allowance.allowed:
                raise _limit_reached(caller, allowance)
            extra += [(name.lower().encode(), value.encode()) for name, value in allowance.headers.items()]
        return caller


def check_csrf(caller: Caller, token: str) -> None:
    """For what a page posts: raises ``ApiError`` (403) unless the token is the session's."""
    if caller.csrf is not None and not hmac.compare_digest(token.encode(), caller.csrf.encode()):
        raise ApiError(403, Code.FORBIDDEN, f"a request with a session's cookie must carry its token as {CSRF_HEADER}")


def _limit_reached(caller: Caller, allowance: Allowance) -> ApiError:
    return ApiError(
        429,
        Code.RATE_LIMITED,
        f"the key {caller.name!r} may make {allowance.limit} requests a minute",
        headers=allowance.headers,
    )


def _complete(headers: Iterable[tuple[bytes, bytes]], extra: Pairs) -> Pairs:
    given = list(headers)
    own = {name.lower() for name, _ in given}
    return [*given, *(pair for pair in SECURITY if pair[0] not in own), *extra]


def _unmounted(scope: Message) -> Message:
    """The scope as the routes know it: without the prefix under which another program has mounted the service."""
    prefix: str = scope.get("root_path", "")
    path: str = scope["path"]
    inside = path.removeprefix(prefix) if prefix and path.startswith(f"{prefix}/") else path
    return {**scope, "root_path": "", "path": inside, "state": {**scope.get("state", {}), "abaca.prefix": prefix}}


def _limited(receive: Receive, headers: Headers, most: int) -> Receive:
    """``receive``, which raises when more than ``most`` bytes come, or are announced."""
    announced = headers.get(b"content-length", b"0")
    room = most if announced.isdigit() and int(announced) <= most else -1

    async def receive_some() -> Message:
        nonlocal room
        message = await receive()
        if message["type"] == "http.request":
            room -= len(message.get("body", b""))
            if room < 0:
                raise ApiError(413, Code.TOO_LARGE, f"the body is above the limit of {most:,} bytes")
        return message

    return receive_some
