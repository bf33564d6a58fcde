"""Whose turn it is: tenants of one queue and priority, by stride scheduling."""

from __future__ import annotations

from dataclasses import dataclass, field

from abaca.backends.memory.lines import Line
from abaca.model import turn_of

MANY = 100
"""How many passes may be kept that say nothing."""


@dataclass(slots=True)
class Turn:
    """What is known of one queue and priority. A pass that is not above the time says nothing."""

    time: int = 0
    passes: dict[str, int] = field(default_factory=dict)

    def comes_at(self, tenant: str) -> int:
        return max(self.time, self.passes.get(tenant, 0))

    def go_on(self, tenant: str, by: int) -> None:
        """A job of the tenant is claimed."""
        self.time = self.comes_at(tenant)
        self.passes[tenant] = self.time + by

    def tidy(self, tenants: int) -> None:
        if len(self.passes) > 2 * tenants + MANY:
            self.passes = {name: at for name, at in self.passes.items() if at > self.time}


class Turns:
    """The turns of every queue and priority in which tenants share."""

    def __init__(self) -> None:
        self._turns: dict[tuple[str, int], Turn] = {}

    def comes_at(self, line: Line) -> int:
        """When the tenant of a line comes; lower is sooner."""
        turn = self._turns.get((line.queue, line.priority))
        return 0 if turn is None else turn.comes_at(line.tenant)

    def on_claim(self, line: Line, weights: dict[str, int], among: list[Line]) -> None:
        """A job runs that was first in this line; ``among`` are the lines of its priority."""
        turn = self._turns.setdefault((line.queue, line.priority), Turn())
        turn.go_on(line.tenant, turn_of(weights, line.tenant))
        turn.tidy(len(among))

    def forget(self, line: Line) -> None:
        self._turns.pop((line.queue, line.priority), None)
