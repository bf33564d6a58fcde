"""Whose turn it is: tenants of one queue and priority, by stride scheduling."""

from __future__ import annotations

from dataclasses import dataclass, field

from abaca.backends.memory.lines import Line
from abaca.model import TURN

MOST_WEIGHT = 1000


@dataclass(slots=True)
class Turn:
    """What is known of one queue and priority. A pass that is not above the time says nothing, and is not kept."""

    time: int = 0
    passes: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, set[str]] = field(default_factory=dict)

    def comes_at(self, tenant: str) -> int:
        return max(self.time, self.passes.get(tenant, 0))

    def go_on(self, tenant: str, weight: int) -> None:
        """A job of the tenant is claimed."""
        self.time = self.comes_at(tenant)
        self.passes = {name: at for name, at in self.passes.items() if at > self.time}
        self.passes[tenant] = self.time + TURN // weight


class Turns:
    """The turns of every queue and priority, and which tenants have jobs there, in the lines or parked out of them."""

    def __init__(self) -> None:
        self._turns: dict[tuple[str, int], Turn] = {}

    def join(self, line: Line, id: str) -> None:
        """A job comes to wait in an ordinary line. One that is there already stays there once."""
        if not line.dated:
            turn = self._turns.setdefault(line[:2], Turn())
            turn.waiting.setdefault(line.tenant, set()).add(id)

    def leave(self, line: Line, id: str) -> None:
        turn = self._turns.get(line[:2])
        if turn is None or line.dated:
            return
        ids = turn.waiting.get(line.tenant, set())
        ids.discard(id)
        if not ids:
            turn.waiting.pop(line.tenant, None)
        if not (turn.waiting or turn.time or turn.passes):
            del self._turns[line[:2]]

    def comes_at(self, line: Line) -> int:
        """When the tenant of a line comes; lower is sooner."""
        turn = self._turns.get(line[:2])
        return 0 if turn is None else turn.comes_at(line.tenant)

    def on_claim(self, line: Line, weights: dict[str, int]) -> None:
        """A job is about to leave this line because it runs."""
        turn = self._turns.get(line[:2])
        if turn is None or line.dated:
            return
        if len(turn.waiting) < 2:
            turn.time, turn.passes = 0, {}
        else:
            turn.go_on(line.tenant, min(max(1, weights.get(line.tenant, 1)), MOST_WEIGHT))
