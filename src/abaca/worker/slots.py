"""Which slots are free, and in which lanes the store may have jobs for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from abaca.backend import MAX_BATCH
from abaca.model import Job, Want

PUMPS = 2
"""How many claims are in flight at once while there is work."""


class Slots:
    """Counts by lane. A claim takes all that are free, so that two claims in flight cannot fill the same slot.

    ``hungry``: the lanes in which jobs may be waiting; the others are asked for along with them, and by a held claim.
    ``held``: what the held claim asks for.
    """

    def __init__(self, slots: Mapping[str, int]) -> None:
        self._all = slots
        self.free = dict(slots)
        self.hungry = set(slots)
        self.held: dict[str, int] = {}

    @property
    def any_free(self) -> bool:
        return any(count > 0 for count in self.free.values())

    @property
    def wanted(self) -> bool:
        """Whether a slot is free for which a job may be waiting."""
        free = self.free
        return any(free.get(lane, 0) > 0 for lane in self.hungry)

    @property
    def unheld(self) -> bool:
        """Whether a held claim is open and does not ask for all lanes that have free slots."""
        return bool(self.held) and any(count > 0 and lane not in self.held for lane, count in self.free.items())

    def released(self, lane: str) -> None:
        """A run of this lane is over."""
        self.free[lane] = self.free.get(lane, 0) + 1
        if lane not in self.held:
            self.hungry.add(lane)

    def occupy(self, lane: str, count: int) -> None:
        self.free[lane] = self.free.get(lane, 0) - count
        if count < 0:
            self.hungry.add(lane)

    def hope(self) -> None:
        """Nothing is known of any lane any more."""
        self.hungry.update(self.free)

    def reserve(self, *, held: bool) -> dict[str, int]:
        slots = {lane: min(count, self._share(lane, held)) for lane, count in self.free.items() if count > 0}
        for lane, count in slots.items():
            self.free[lane] -= count
        return slots

    def _share(self, lane: str, held: bool) -> int:
        """A claim under load takes half of the slots: the store works on one half while handlers run the other."""
        return MAX_BATCH if held else min(MAX_BATCH, -(-self._all.get(lane, 1) // PUMPS))

    def give_back(self, want: Want, jobs: Sequence[Job]) -> None:
        """What a claim reserved, but for the slots that it filled."""
        free = self.free
        for lane, count in want.slots.items():
            free[lane] = free.get(lane, 0) + count
        for job in jobs:
            free[job.spec.lane] -= 1

    def claimed(self, want: Want, jobs: Sequence[Job]) -> None:
        """A lane that brought jobs may have more; a held claim brings what came just now, so only if it was filled."""
        brought = Counter([job.spec.lane for job in jobs])
        for lane, count in want.slots.items():
            if brought[lane] >= (count if want.hold_ms else 1):
                self.hungry.add(lane)
            else:
                self.hungry.discard(lane)
