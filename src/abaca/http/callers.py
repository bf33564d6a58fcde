"""Finding out who calls: by key, by session, or because the request comes from this machine and there are no keys."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from abaca.client import Client
from abaca.http.caller import LOCAL, Caller
from abaca.http.errors import ApiError, Code, unauthenticated
from abaca.http.loopback import not_loopback
from abaca.http.rates import Allowance, Rates
from abaca.http.sessions import session_caller, session_token
from abaca.http.settings import HttpSettings
from abaca.keys import any_key, key_of

BELIEVED_FOR = 5.0
"""Seconds for which an answer of the store about a key or a session is believed."""
FAILURES = 30
"""How many wrong keys a minute one address may show."""
_MOST_BELIEVED = 10_000


class Callers:
    """``now``: monotonic seconds."""

    def __init__(
        self, settings: HttpSettings, rates: Rates | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._auth = settings.auth
        self._rate = settings.rate
        self._rates = rates or Rates()
        self._now = now
        self._believed: OrderedDict[bytes, tuple[float, Caller | None]] = OrderedDict()
        self._asked = float("-inf")

    async def needs_key(self, client: Client) -> bool:
        """Whether callers must show one. Once they must, they must as long as this service lives."""
        if self._auth is None and self._now() - self._asked >= BELIEVED_FOR:
            if await any_key(client):
                self._auth = True
            self._asked = self._now()
        return bool(self._auth)

    async def of(self, client: Client, scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> Caller | ApiError:
        """Who calls, or why that is nobody. Raises ``ApiError`` (429) for an address that showed too many wrong keys,
        and ``BackendUnavailable``."""
        shown = headers.get(b"authorization")
        if shown is not None:
            return await self._by_key(client, scope, shown)
        if token := session_token(headers):
            caller = await self._remembered(b"s" + token.encode("latin-1"), lambda: session_caller(client, token))
            if caller is not None:
                return caller
        if await self.needs_key(client):
            return unauthenticated("this needs a key: send it as Authorization: Bearer abaca_...")
        why = not_loopback(scope, headers)
        if why is None:
            return LOCAL
        return ApiError(
            403,
            Code.FORBIDDEN,
            f"{why}, and a service without keys answers only this machine; `abaca keys create NAME` makes a key",
        )

    async def allowance(self, client: Client, caller: Caller) -> Allowance | None:
        """One request of the rate of the caller's key, or of the service's; ``None`` where there is none."""
        rate = caller.rate or self._rate
        if rate is None or not caller.key:
            return None
        return await self._rates.take(client, f"key:{caller.key}", rate)

    async def spend(self, client: Client, caller: Caller, what: str, limit: int, burst: int) -> Allowance | None:
        """One token of what this caller may do of one thing; ``None`` for one on loopback who needed no key."""
        if not caller.key:
            return None
        return await self._rates.take(client, f"{what}:{caller.key}", limit, burst)

    async def _by_key(self, client: Client, scope: Mapping[str, Any], shown: bytes) -> Caller | ApiError:
        kind, _, text = shown.decode("latin-1").strip().partition(" ")
        if kind.lower() != "bearer":
            return unauthenticated("Authorization must be: Bearer abaca_...")
        caller = await self._remembered(b"k" + text.encode("latin-1"), lambda: _caller_of(client, text.strip()))
        if caller is not None:
            return caller
        failures = await self._rates.take(client, f"address:{_network(scope)}", FAILURES)
        if not failures.allowed:
            message = "too many wrong keys came from this address"
            raise ApiError(429, Code.RATE_LIMITED, message, headers={"Retry-After": str(failures.retry)})
        return unauthenticated("the key is unknown, or it was revoked")

    async def _remembered(self, shown: bytes, ask: Callable[[], Any]) -> Caller | None:
        name = hashlib.sha256(shown).digest()
        known = self._believed.get(name)
        if known is not None and self._now() - known[0] < BELIEVED_FOR:
            return known[1]
        caller: Caller | None = await ask()
        self._believed[name] = (self._now(), caller)
        self._believed.move_to_end(name)
        if len(self._believed) > _MOST_BELIEVED:
            self._believed.popitem(last=False)
        return caller


async def _caller_of(client: Client, text: str) -> Caller | None:
    key = await key_of(client, text)
    return None if key is None else Caller.of(key)


def _network(scope: Mapping[str, Any]) -> str:
    """An address; of IPv6 the network of one subscriber."""
    client = scope.get("client")
    try:
        address = ip_address(client[0] if client else "")
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return str(address)
