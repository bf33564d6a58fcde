"""For people: ``find`` and ``stats``."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from abaca.backend import CARD_LIFE_MS
from abaca.backends.sqlite.rows import read_jobs
from abaca.backends.sqlite.tx import Tx, binary_id, pack
from abaca.model import Card, Job, Page, Query, QueueStats, State, Stats

SEARCH_BUDGET = 100_000
"""How many jobs one call of ``find`` looks at."""
_REPAIRED = 0
"""The row of ``totals`` that counts what audits repaired."""
_ABOVE_ALL = b"\xff" * 17
_decode_card = msgspec.json.Decoder(Card).decode


class _Counts(NamedTuple):
    """Waiting jobs of one queue and priority, as ``count_waiting.sql`` counts them."""

    priority: int
    jobs: int
    due: int
    blocked: int
    oldest: int | None


def find(tx: Tx, query: Query, budget: int = SEARCH_BUDGET) -> Page:
    """Newest first. A search that the budget ends answers ``complete=False`` and where to go on.

    Raises ``ValueError`` for a cursor that no page answered.
    """
    below = _ABOVE_ALL if query.cursor is None else binary_id(query.cursor)
    if below is None:
        raise ValueError(f"cursor {query.cursor!r} is not one that a page answered")
    jobs = _candidates(tx, query, below, budget)
    if len(jobs) > query.limit:
        return Page(jobs=jobs[: query.limit], cursor=jobs[query.limit - 1].id)
    ends = tx.rows("find_end", below=below, budget=budget)
    if ends:
        return Page(jobs=jobs, cursor=ends[0][0].hex(), complete=False)
    return Page(jobs=jobs)


def _candidates(tx: Tx, query: Query, below: bytes, budget: int) -> list[Job]:
    rows = tx.rows(
        "find",
        below=below,
        budget=budget,
        limit=query.limit + 1,
        now=tx.now,
        status=pack(query.status) if query.status else None,
        queue=query.queue,
        task=query.task,
        key=query.key,
        owner=query.owner,
        tenant=query.tenant,
        parent=query.parent,
        tag=query.tag,
        after=query.created_after,
        before=query.created_before,
        text=None if query.text is None else query.text.encode(),
    )
    jobs = read_jobs(tx, [id for (id,) in rows])
    return list(jobs.values())


def stats(tx: Tx) -> Stats:
    totals: dict[int, int] = dict(tx.rows("totals"))
    return Stats(
        queues=_queues(tx),
        running=tx.rows("count_running")[0][0],
        totals={state.name.lower(): totals.get(state, 0) for state in State if state.ended},
        workers=[
            msgspec.structs.replace(_decode_card(card), seen_at=seen_at)
            for seen_at, card in tx.rows("cards", since=tx.now - CARD_LIFE_MS * 1000)
        ],
        seen_at=tx.now,
        repaired=totals.get(_REPAIRED, 0),
        late=dict(tx.rows("late")),
    )


def _queues(tx: Tx) -> list[QueueStats]:
    by_queue: dict[str, list[_Counts]] = {}
    for queue, *counts in tx.rows("count_waiting", now=tx.now):
        by_queue.setdefault(queue, []).append(_Counts(*counts))
    return [_queue_stats(queue, counts) for queue, counts in by_queue.items()]


def _queue_stats(name: str, counts: list[_Counts]) -> QueueStats:
    due, blocked = sum(one.due for one in counts), sum(one.blocked for one in counts)
    return QueueStats(
        name=name,
        due=due,
        later=sum(one.jobs for one in counts) - due - blocked,
        blocked=blocked,
        by_priority={one.priority: one.jobs for one in counts},
        oldest_due_at=min((one.oldest for one in counts if one.oldest is not None), default=None),
    )
