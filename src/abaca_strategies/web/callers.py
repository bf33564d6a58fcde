"""Whose a request is: the user that a key stands for, and what that user may see."""

from __future__ import annotations

import hashlib

from abaca.http import ApiRequest, Caller
from abaca_strategies.errors import RunNotFound, StrategyNotFound
from abaca_strategies.models import Strategy
from abaca_strategies.registry import Head, RunKind, RunRecord
from abaca_strategies.web.declaring import strategies_of

_NAMED = 1 << 52
"""Numbers of users from here on are made of names; below they are given. All are exact in JSON."""


def number_of(owner: str) -> int:
    """The number of the user that an owner is: itself where it is one, otherwise one made of the name."""
    if owner.isascii() and owner.isdecimal() and str(int(owner[:17])) == owner and int(owner) < _NAMED:
        return int(owner)
    return _NAMED + int.from_bytes(hashlib.sha256(owner.encode()).digest()[:8]) % _NAMED


def user_of(caller: Caller, given: int = 0) -> int:
    """The user that something is made for. An admin says for whom; everybody else makes it for themselves."""
    return given if caller.is_admin or caller.owner is None else number_of(caller.owner)


def seen_by(caller: Caller, given: int | None = None) -> int | None:
    """Whose things a list has; ``None`` means everybody's, which an admin alone sees."""
    return given if caller.is_admin else user_of(caller)


def may_see(caller: Caller, user_id: int) -> bool:
    return caller.is_admin or user_id == user_of(caller)


async def strategy_for(request: ApiRequest, id: str, version: int | None = None) -> Strategy:
    """A strategy of the caller's. Raises ``StrategyNotFound`` for another's as for none, ``VersionNotFound``."""
    await head_for(request, id)
    return await strategies_of(request).registry.get(int(id), version)


async def head_for(request: ApiRequest, id: str) -> Head:
    """What belongs to it as a whole. Raises ``StrategyNotFound``."""
    head = await strategies_of(request).registry.head(strategy_id(id))
    if not may_see(request.caller, head.user_id):
        raise StrategyNotFound(id)
    return head


def strategy_id(id: str) -> int:
    """Raises ``StrategyNotFound`` for what is no number of a strategy."""
    if not (id.isascii() and id.isdecimal() and len(id) <= 12):
        raise StrategyNotFound(id[:40])
    return int(id)


async def run_for(request: ApiRequest, id: str, kind: RunKind) -> RunRecord:
    """A run of the caller's that has ended. Raises ``RunNotFound``."""
    run = await strategies_of(request).runs.get(id)
    if run.kind != kind or not may_see(request.caller, run.user_id):
        raise RunNotFound(id)
    return run
