"""Writing settles: those that are alike in one statement, the others one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from abaca.backends.sqlite.tx import Tx, column, pack
from abaca.model import Settle, State

_encode = msgspec.json.Encoder().encode
_FEWEST_ALIKE = 4
"""Of fewer than these, each by itself costs less."""

Marked = tuple[Settle, bytes]
"""A settle and the digest of its transition."""


class _Alike(NamedTuple):
    """What settles share that one statement can write."""

    target: State
    epoch: int
    attempts: int
    losses: int
    keep_ms: int


def write(tx: Tx, marked: Sequence[Marked]) -> int:
    """Write what applies of some settles of different jobs; answers how many did."""
    others: list[Marked] = []
    alike: dict[_Alike, list[tuple[Marked, str | None]]] = {}
    for item in marked:
        one = item[0]
        to = one.to
        result = None if to.result is None else column(to.result)
        if to.error is not None or to.memo or to.target is State.WAITING or isinstance(result, bytes):
            others.append(item)
        else:
            what = _Alike(to.target, one.epoch, to.attempts, to.losses, to.keep_ms)
            alike.setdefault(what, []).append((item, result))
    written = 0
    for what, items in alike.items():
        if len(items) < _FEWEST_ALIKE:
            others += [item for item, _ in items]
        else:
            written += _finish(tx, what, items)
    for one, mark in others:
        written += _settle(tx, one, mark)
    return written


def _finish(tx: Tx, what: _Alike, items: Sequence[tuple[Marked, str | None]]) -> int:
    runs = b"".join([bytes.fromhex(one.id) + mark for (one, mark), _ in items])
    return tx.change("finish", runs=runs, results=pack([result for _, result in items]), now=tx.now, **what._asdict())


def _settle(tx: Tx, one: Settle, mark: bytes) -> int:
    to = one.to
    return tx.change(
        "settle",
        id=bytes.fromhex(one.id),
        epoch=one.epoch,
        target=to.target,
        attempts=to.attempts,
        losses=to.losses,
        delay_ms=to.delay_ms,
        result=column(to.result),
        error=None if to.error is None else _encode(to.error).decode(),
        memo=to.memo,
        keep_ms=to.keep_ms,
        digest=mark,
        now=tx.now,
    )
