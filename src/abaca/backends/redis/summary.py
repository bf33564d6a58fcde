"""The answer of the ``stats`` script as the model's values."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import msgspec

from abaca.backends.redis.statics import split_line
from abaca.model import Card, QueueStats, Stats

_decode_card = msgspec.msgpack.Decoder(Card).decode
_LATE = b"late."
_ENDS = ("completed", "failed", "cancelled")


class _Line(NamedTuple):
    """Waiting jobs of one kind in one line, or of one line as far as they are parked under one bucket."""

    priority: int
    jobs: int
    due: int
    first_due_at: int
    parked: bool


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
        late={name[len(_LATE) :].decode(): int(count) for name, count in counted.items() if name.startswith(_LATE)},
    )


def _queues(lines: list[Any]) -> list[QueueStats]:
    by_queue: dict[str, list[_Line]] = {}
    for text, count, due, first, name in lines:
        queue, priority, _ = split_line(text.decode())
        by_queue.setdefault(queue, []).append(_Line(priority, count, due, int(float(first)), name[:2] == b"p:"))
    return [_queue(name, by_queue[name]) for name in sorted(by_queue)]


def _queue(name: str, lines: list[_Line]) -> QueueStats:
    by_priority: Counter[int] = Counter()
    for line in lines:
        by_priority[line.priority] += line.jobs
    due = sum(line.due for line in lines)
    blocked = sum(line.jobs for line in lines if line.parked)
    return QueueStats(
        name=name,
        due=due,
        later=by_priority.total() - due - blocked,
        blocked=blocked,
        by_priority=dict(sorted(by_priority.items(), reverse=True)),
        oldest_due_at=min((line.first_due_at for line in lines if line.due), default=None),
    )
