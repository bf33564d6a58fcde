"""Workers: who beats, what each serves and runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from abaca.http.caller import Scope
from abaca.http.dashboard.desk import Desk
from abaca.http.dashboard.pages import Form, act, page
from abaca.http.dashboard.troubles import is_silent
from abaca.http.replies import Reply
from abaca.model import Card, Job, Stats
from abaca.orders import order_drain
from abaca.views import WorkerView, worker_view

_MOST_RUNNING = 200


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """``state`` is ``working``, ``draining`` or ``silent``."""

    view: WorkerView
    state: str

    @classmethod
    def of(cls, card: Card, now: int) -> WorkerRow:
        state = "silent" if is_silent(card, now) else "draining" if card.draining else "working"
        return cls(worker_view(card), state)


def in_order(cards: Iterable[Card]) -> list[Card]:
    return sorted(cards, key=lambda card: (card.name, card.id))


@page("/workers")
async def list_workers(desk: Desk) -> Reply:
    stats: Stats = await desk.ask(lambda backend: backend.stats())
    cards = in_order(stats.workers)
    ids = [id for card in cards for id in card.running][:_MOST_RUNNING]
    running: list[Job | None] = await desk.ask(lambda backend: backend.get(ids)) if ids else []
    return desk.page(
        "workers.html",
        here="workers",
        now=stats.seen_at,
        workers=[WorkerRow.of(card, stats.seen_at) for card in cards],
        jobs={job.id: job for job in running if job is not None and desk.caller.sees(job)},
    )


@act("/workers/{id}/drain", scope=Scope.ADMIN)
async def drain(desk: Desk, form: Form, id: str) -> Reply:
    await desk.ask(lambda backend: order_drain(backend, id))
    return desk.see_other("/workers", "The worker is told to claim no more, to finish what it runs, and to end.")


HANDLERS = (list_workers, drain)
