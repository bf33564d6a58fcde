"""What every request passes before any route: its id, its body's limit, who calls; and what every answer carries."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from abaca.http.caller import LOCAL
from abaca.http.errors import ApiError, Code
from abaca.http.service import Service

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Message, Receive, Send], Awaitable[None]]
"""As any ASGI server or framework calls it."""

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
            await self._inner(scope, receive, send)
            return
        headers = dict(scope["headers"])
        request_id = headers.get(b"x-request-id", b"")
        if not _SANE.fullmatch(request_id):
            request_id = uuid.uuid4().hex.encode()
        inner = _unmounted(scope)
        inner["state"]["abaca.request_id"] = request_id.decode()
        inner["state"]["abaca.caller"] = LOCAL

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(pair for pair in SECURITY if pair[0] not in own),
                    (b"x-request-id", request_id),
                ]
            await send(message)

        await self._inner(inner, _limited(receive, headers, self.service.settings.max_body), answer)


def _unmounted(scope: Message) -> Message:
    """The scope as the routes know it: without the prefix under which another program has mounted the service."""
    prefix: str = scope.get("root_path", "")
    path: str = scope["path"]
    inside = path.removeprefix(prefix) if prefix and path.startswith(f"{prefix}/") else path
    return {**scope, "root_path": "", "path": inside, "state": {**scope.get("state", {}), "abaca.prefix": prefix}}


def _limited(receive: Receive, headers: dict[bytes, bytes], most: int) -> Receive:
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
