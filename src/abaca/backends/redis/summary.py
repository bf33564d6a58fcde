"""The answer of the ``stats`` script as the model's values."""

from __future__ import annotations

from typing import Any

import msgspec

from abaca.backends.redis.packing import split_line
from abaca.model import Card, QueueStats, Stats

_decode_card = msgspec.msgpack.Decoder(Card).decode
_ENDS = ("completed", "failed", "cancelled")


def summarise(answer: list[Any]) -> Stats:
    now, running, totals, workers, *lines = answer
    counted = dict(zip(totals[::2], totals[1::2], strict=True))
    cards = [
        msgspec.structs.replace(_decode_card(card), seen_at=int(seen_at))
        for _, seen_at, card in zip(workers[::3], workers[1::3], workers[2::3], strict=True)
    ]
    return Stats(
        queues=_queues(lines),
        running=running,
        totals={name: int(counted.get(name.encode(), 0)) for name in _ENDS},
        workers=sorted(cards, key=lambda card: card.id),
        seen_at=int(now),
        repaired=int(counted.get(b"repaired", 0)),
    )


def _queues(lines: list[Any]) -> list[QueueStats]:
    by_queue: dict[str, list[tuple[int, int, int, int]]] = {}
    for text, count, due, first in lines:
        queue, priority, _ = split_line(text.decode())
        by_queue.setdefault(queue, []).append((priority, count, due, int(float(first))))
    return [_queue(name, by_queue[name]) for name in sorted(by_queue)]


def _queue(name: str, lines: list[tuple[int, int, int, int]]) -> QueueStats:
    by_priority: dict[int, int] = {}
    for priority, count, _, _ in lines:
        by_priority[priority] = by_priority.get(priority, 0) + count
    due = sum(line[2] for line in lines)
    return QueueStats(
        name=name,
        due=due,
        later=sum(line[1] for line in lines) - due,
        by_priority=dict(sorted(by_priority.items(), reverse=True)),
        oldest_due_at=min((line[3] for line in lines if line[2]), default=None),
    )
