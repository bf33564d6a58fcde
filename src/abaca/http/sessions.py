"""Sessions of the dashboard: a key, shown once, gives a cookie with the key's scopes for twelve hours."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from functools import partial

import msgspec

from abaca.backend import Backend
from abaca.client import Client
from abaca.http.caller import Caller
from abaca.keys import key_by_id
from abaca.model import Record

SESSION = "session"
"""The kind of the records that hold sessions. Their id is the SHA-256 of what the cookie says."""
COOKIE = "abaca_session"
CSRF_HEADER = "X-CSRF-Token"
LIFE_MS = 12 * 3_600_000


class _Session(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    csrf: str


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Session).decode


async def begin_session(client: Client, caller: Caller) -> str:
    """Store a session of whoever showed a key; answers what its cookie is to say."""
    token = secrets.token_hex(32)
    data = _encode(_Session(key=caller.key, csrf=secrets.token_hex(16)))
    record = Record(kind=SESSION, id=_id(token), data=data, expires_ms=LIFE_MS)
    await client.ask(partial(_put, record))
    return token


async def end_session(client: Client, token: str) -> None:
    (record,) = await client.ask(partial(_read, _id(token)))
    if record is not None:
        gone = Record(kind=SESSION, id=record.id, data=None, version=record.version)
        await client.ask(partial(_put, gone))


async def session_caller(client: Client, token: str) -> Caller | None:
    """Who a cookie stands for, as long as the key that it was given for is there."""
    (record,) = await client.ask(partial(_read, _id(token)))
    if record is None or record.data is None:
        return None
    session = _decode(record.data)
    key = await key_by_id(client, session.key)
    return None if key is None else Caller.of(key, csrf=session.csrf)


def cookie_header(token: str, *, secure: bool, path: str = "/") -> str:
    """The value of ``Set-Cookie``; an empty token takes the cookie away."""
    words = [f"{COOKIE}={token}", f"Path={path}", "HttpOnly", "SameSite=Strict"]
    words.append(f"Max-Age={LIFE_MS // 1000 if token else 0}")
    return "; ".join([*words, "Secure"] if secure else words)


def session_token(headers: Mapping[bytes, bytes]) -> str:
    """What the session's cookie says; empty without one."""
    for part in headers.get(b"cookie", b"").decode("latin-1").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value
    return ""


def _id(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def _read(id: str, backend: Backend) -> list[Record | None]:
    return await backend.read(SESSION, [id])


async def _put(record: Record, backend: Backend) -> object:
    return await backend.put([record])
