"""API keys: who may call the service over HTTP, as whom, and for what.

A key is ``abaca_<id>_<secret>``. The store has its SHA-256 and never the key itself, so a key is shown once.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Iterable
from functools import partial

import msgspec

from abaca.backend import Backend
from abaca.bulk import all_records
from abaca.checks import check_name, check_text
from abaca.client import Client
from abaca.errors import ConfigError, KeyNotFound
from abaca.model import Record, Value, Verdict
from abaca.text import shown

API_KEY = "api_key"
"""The kind of the records that hold keys."""
SCOPES = ("jobs:read", "jobs:write", "worker", "admin")
"""What the service itself asks for; an application may name others."""
DEFAULT_SCOPES = ("jobs:read", "jobs:write")
MOST_SCOPES = 32
MOST_RATE = 1_000_000
_KEY = re.compile(r"abaca_([0-9a-f]{12})_([0-9a-f]{48})", re.ASCII)
_SCOPE = re.compile(r"[a-z][a-z0-9_.:-]{0,63}", re.ASCII)

_encode = msgspec.json.Encoder().encode


class ApiKey(Value, frozen=True, kw_only=True):
    """A record of kind ``api_key``. ``owner``: whose jobs it sees and makes. ``rate``: requests a minute, ``None``
    without a limit. ``queues``: those that workers with this key may claim from, all where none is named.
    ``created_at``: microseconds by the clock of the machine that made it.
    """

    id: str
    name: str
    owner: str
    scopes: tuple[str, ...]
    sha256: str
    rate: int | None = None
    queues: tuple[str, ...] = ()
    created_at: int = 0


_decode = msgspec.json.Decoder(ApiKey).decode


async def create_key(
    client: Client,
    name: str,
    *,
    owner: str | None = None,
    scopes: Iterable[str] = DEFAULT_SCOPES,
    rate: int | None = None,
    queues: Iterable[str] = (),
) -> tuple[ApiKey, str]:
    """Store a new key; answers its record and the key, which nobody can be told again. Raises ``ConfigError``."""
    id, secret = secrets.token_hex(6), secrets.token_hex(24)
    text = f"abaca_{id}_{secret}"
    key = ApiKey(
        id=id,
        name=check_text(name, "key name", 128),
        owner=check_text(name if owner is None else owner, "key owner", 128),
        scopes=_scopes(scopes),
        sha256=_digest(text),
        rate=_rate(rate),
        queues=tuple(check_name(queue, "key queues") for queue in queues),
        created_at=time.time_ns() // 1000,
    )
    record = Record(kind=API_KEY, id=id, data=_encode(key))
    if await client.ask(partial(_put, record)) != [Verdict.APPLIED]:
        raise ConfigError("the key could not be stored, because one of its id is there; create another")
    return key, text


async def all_keys(client: Client) -> list[ApiKey]:
    return [_decode(record.data) for record in await all_records(client.ask, API_KEY) if record.data is not None]


async def any_key(client: Client) -> bool:
    return bool(await client.ask(_first))


async def revoke_key(client: Client, id: str) -> ApiKey:
    """Remove a key. A service may go on to accept it for a few seconds. Raises ``KeyNotFound``."""
    while True:
        (record,) = await client.ask(partial(_read, id))
        if record is None or record.data is None:
            raise KeyNotFound(f"there is no key {shown(id)}; `abaca keys` lists those that there are")
        gone = Record(kind=API_KEY, id=id, data=None, version=record.version)
        if await client.ask(partial(_put, gone)) == [Verdict.APPLIED]:
            return _decode(record.data)


async def key_of(client: Client, text: str) -> ApiKey | None:
    """The record of a key that somebody shows; ``None`` for one that is unknown or was revoked."""
    parts = _KEY.fullmatch(text)
    if parts is None:
        return None
    key = await key_by_id(client, parts[1])
    return key if key is not None and hmac.compare_digest(key.sha256, _digest(text)) else None


async def key_by_id(client: Client, id: str) -> ApiKey | None:
    (record,) = await client.ask(partial(_read, id))
    return None if record is None or record.data is None else _decode(record.data)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    if isinstance(scopes, str):
        raise ConfigError(f"key scopes: {shown(scopes)} is one text; give a list of them")
    chosen = tuple(dict.fromkeys(scopes))
    for scope in chosen:
        if not _SCOPE.fullmatch(scope):
            raise ConfigError(
                f"key scopes: {shown(scope)} is not usable; give {', '.join(SCOPES)}, or a name of your application's: "
                "small letters, digits, '_', '.', ':' and '-'"
            )
    if not 0 < len(chosen) <= MOST_SCOPES:
        raise ConfigError(f"key scopes: {len(chosen)} are given; a key has 1 to {MOST_SCOPES}")
    return chosen


def _rate(rate: int | None) -> int | None:
    if rate is not None and (type(rate) is not int or not 1 <= rate <= MOST_RATE):
        raise ConfigError(f"key rate: {shown(rate)} is not usable; give requests a minute, 1 to {MOST_RATE:,}")
    return rate


async def _put(record: Record, backend: Backend) -> list[Verdict]:
    return await backend.put([record])


async def _read(id: str, backend: Backend) -> list[Record | None]:
    return await backend.read(API_KEY, [id])


async def _first(backend: Backend) -> list[Record]:
    return await backend.scan(API_KEY, "", 1)
