"""A small schedule, fired by two processes at once: unique by (schedule, tick), its cursor makes up for outages.

The product's own schedules take this place once they are part of this tree. Mutants o and p change ``Scheduler``.
"""

from __future__ import annotations

import asyncio
from typing import Any

from abaca.errors import BackendUnavailable
from abaca.model import NewJob, Record
from abaca.verify.history import Item
from abaca.verify.prints import print_of
from tests.simulation.loop import current
from tests.simulation.store import EPOCH

SCHEDULE = "every-five"
EVERY = 5.0
_KIND = "sim-cron"


class Scheduler:
    """Fires every tick between the cursor and now, oldest first, then moves the cursor."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.store = world.connect()
        self.ops = 0

    async def run(self) -> int:
        while not self.world.ending:
            await asyncio.sleep(self.world.chance.uniform(0.5, 1.5))  # sleeps: virtual time between two looks
            try:
                await self.look()
            except BackendUnavailable:
                continue
        return 0

    def now(self) -> int:
        """The tick that is due now, by this process's own clock."""
        return int((self.world.wall() - EPOCH / 1e6) // EVERY)

    async def look(self) -> None:
        record = (await self.store.read(_KIND, [SCHEDULE]))[0]
        cursor = int(record.data) if record is not None else -1
        due = self.now()
        for tick in range(cursor + 1, due + 1):
            if 0 <= cursor < tick < due:
                self.world.write("nemesis", "event", "fault", val={"kind": "tick_missed", "tick": tick})
            await self.fire(tick, f"{tick:030x}00")
        if due > cursor:
            version = record.version if record is not None else 0
            await self.store.put([Record(kind=_KIND, id=SCHEDULE, data=str(due).encode(), version=version)])

    async def fire(self, tick: int, id: str) -> None:
        """Raises ``BackendUnavailable``: then the next look fires it again, under the same id."""
        self.ops += 1
        op = f"{current().name}:{self.ops}"
        item = Item(id=id, print=print_of({"n": tick, "x": 0.05}), tick=(SCHEDULE, tick))
        self.world.write("client", "invoke", "enqueue", op=op, items=(item,))
        job = NewJob(id=id, task="quick", args=b'{"n":%d,"x":0.05}' % tick, lane="async")
        try:
            await self.store.insert([job])
        except BackendUnavailable:
            self.world.write("client", "info", "enqueue", op=op)
            raise
        self.world.write("client", "ok", "enqueue", op=op)


def ticks_until(seconds: float) -> tuple[int, ...]:
    return tuple(range(int(seconds // EVERY) + 1))
