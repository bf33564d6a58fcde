"""What the memory store counts since it was made."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from abaca.model import State


@dataclass(slots=True)
class Totals:
    """``ended`` are ends by state. ``gone`` are those of them that no record shows any more: requeued, deleted, purged.

    ``late`` counts jobs by queue that were first claimed after their deadline.

    So a recount of the records can be compared: ``ended`` less ``gone`` is how many there must be.
    """

    ended: dict[State, int] = field(default_factory=lambda: {State.COMPLETED: 0, State.FAILED: 0, State.CANCELLED: 0})
    gone: Counter[State] = field(default_factory=Counter)
    repaired: int = 0
    late: Counter[str] = field(default_factory=Counter)

    def leave(self, state: State) -> None:
        """The record of an end goes, or becomes that of a waiting job."""
        self.gone[state] += 1

    def by_name(self) -> dict[str, int]:
        return {state.name.lower(): count for state, count in self.ended.items()}
