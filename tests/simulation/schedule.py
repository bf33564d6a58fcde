"""The one schedule of a simulated system: the product's tickers fire it, the judge knows which ticks were due."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from abaca.errors import BackendUnavailable
from abaca.model import Inserted, NewJob, Receipt
from abaca.verify.history import Item
from abaca.verify.prints import print_of_stored
from tests.simulation.loop import current

SCHEDULE = "ticking"
EVERY_US = 15_000_000
_LATE_US = 8_000_000
_CATCHES_UP_IN = 45.0
"""A ticker believes a clock for 30 s, and looks again every 5."""


async def create(world: Any, app: Any) -> None:
    """Every missed tick is made up for, however many a step of the clock left out."""
    call = app.tasks["quick"].call(n=0, x=0.01)
    every = EVERY_US // 1_000_000
    await app.schedules.create(SCHEDULE, call, every=every, missed="all", missed_limit=1000)
    world.first_tick = world.clock.now()


def ticks_due(world: Any, until: float) -> tuple[int, ...]:
    """The ticks that must have made a job: all before the last that did, and all up to what the store's clock showed at
    ``until``, less what steps forward shortly before may have left for later."""
    recent = [e for e in world.events if e.f == "clock" and e.mono > until - _CATCHES_UP_IN and e.val["who"] == "store"]
    forward = sum(max(event.val["step"], 0.0) for event in recent)
    shown = world.shown_at - round((_CATCHES_UP_IN + forward) * 1e6)
    stored = {event.j for event in world.events if event.src == "store" and event.f == "insert"}
    items = (item for event in world.events for item in event.items)
    fired = [item.tick[1] for item in items if item.tick is not None and item.id in stored]
    first = world.first_tick // EVERY_US + 1
    last = max(shown, *fired, 0) // EVERY_US
    return tuple(tick * EVERY_US for tick in range(first, last + 1))


class TickLog:
    """A ticker is a client of the store: its inserts are calls like any other."""

    def __init__(self, world: Any) -> None:
        self._world = world
        self._ops = 0

    async def insert(self, jobs: Sequence[NewJob], send: Any) -> list[Receipt]:
        self._ops += 1
        op = f"{current().name}:tick{self._ops}"
        self._world.write("client", "invoke", "enqueue", op=op, items=tuple(_item(job) for job in jobs))
        try:
            receipts: list[Receipt] = await send()
        except BackendUnavailable:
            self._world.write("client", "info", "enqueue", op=op)
            raise
        known = [receipt.id for receipt in receipts if receipt.outcome is Inserted.KNOWN]
        passed = [receipt.id for receipt in receipts if receipt.outcome is Inserted.PASSED]
        self._world.write("client", "ok", "enqueue", op=op, val={"known": known, "refused": passed})
        fresh = [job for job, receipt in zip(jobs, receipts, strict=True) if receipt.outcome is Inserted.INSERTED]
        for job in fresh:
            if job.tick is not None and job.tick.at < self._world.clock.now() - _LATE_US:
                self._world.write("nemesis", "event", "fault", val={"kind": "tick_missed", "tick": job.tick.at})
        return receipts


def _item(job: NewJob) -> Item:
    assert job.tick is not None
    return Item(id=job.id, print=print_of_stored(job.args), run_at=job.run_at, tick=(job.tick.schedule, job.tick.at))
