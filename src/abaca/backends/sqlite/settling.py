"""Writing settles: those that are alike in one statement, the others one by one."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from abaca.backends.sqlite.tx import Tx, column, pack
from abaca.model import Settle, State, Transition

_encode = msgspec.json.Encoder().encode
_WAITING = State.WAITING
_FEWEST_ALIKE = 4
"""Of fewer than these, each by itself costs less."""

Marked = tuple[Settle, bytes]
"""A settle and the digest of its transition."""


_Alike = tuple[State, int, int, int, int]
"""What settles share that one statement can write: target, epoch, attempts, losses, keep in milliseconds."""


def write(tx: Tx, marked: Sequence[Marked], *, parental: bool = False) -> int:
    """Write what applies of some settles of different jobs; answers how many did.

    To jobs from which edges may lead they apply only where ``parental`` says so, since their children have to hear.
    """
    others: list[Marked] = []
    alike: dict[_Alike, list[tuple[Marked, str | None]]] = {}
    to: Transition | None = None
    epoch = 0
    text: str | None = None
    group: list[tuple[Marked, str | None]] | None = None
    for item in marked:
        one = item[0]
        if one.to is not to or one.epoch != epoch:  # equal ends are mostly one object, and come one after the other
            to, epoch = one.to, one.epoch
            result = column(to.result)
            if to.error is not None or to.memo or to.target is _WAITING or isinstance(result, bytes):
                group = None
            else:
                text = result
                group = alike.setdefault((to.target, epoch, to.attempts, to.losses, to.keep_ms), [])
        if group is None:
            others.append(item)
        else:
            group.append((item, text))
    written = 0
    for what, items in alike.items():
        if len(items) < _FEWEST_ALIKE:
            others += [item for item, _ in items]
        else:
            written += _finish(tx, what, items, parental)
    for one, mark in others:
        written += _settle(tx, one, mark, parental)
    return written


def _finish(tx: Tx, what: _Alike, items: Sequence[tuple[Marked, str | None]], parental: bool) -> int:
    runs = b"".join([bytes.fromhex(one.id) + mark for (one, mark), _ in items])
    results = pack([result for _, result in items])
    target, epoch, attempts, losses, keep_ms = what
    shared = {"target": target, "epoch": epoch, "attempts": attempts, "losses": losses, "keep_ms": keep_ms}
    return tx.change("finish", runs=runs, results=results, parental=parental, now=tx.now, **shared)


def _settle(tx: Tx, one: Settle, mark: bytes, parental: bool) -> int:
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
        parental=parental,
        now=tx.now,
    )
