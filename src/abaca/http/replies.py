"""Answers as bytes, and what routes may return in place of a plain struct."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec
from litestar.types import Receive, Scope, Send

T = TypeVar("T")

encode = msgspec.json.Encoder().encode


class Items(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page. ``next_cursor`` is given back as ``cursor`` for the next one; ``null`` after the last."""

    items: list[T]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[T]):
    """A body with another status than the route's own, or with headers."""

    body: T
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Reply:
    """A finished answer: status, headers, bytes. It is an ASGI application that sends itself."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        self.status = status
        self.body = body
        self.headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


def reply(status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
    """JSON; nothing at all where the body is ``None``."""
    data = b"" if body is None else encode(body)
    named = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in (headers or {}).items()]
    if body is not None:
        named.append((b"content-type", b"application/json"))
    named.append((b"content-length", str(len(data)).encode()))
    return Reply(status, data, named)
