"""Edges between jobs: who waits for whose end, and what that end does to those who wait."""

from __future__ import annotations

from collections.abc import Iterator

from abaca.backends.memory.rows import Row
from abaca.backends.memory.waiting import Waiting
from abaca.model import NewJob, State, When


class Edges:
    """The children of each job, until they end.

    An edge is there from when the parents are counted until the child ends or either is deleted. A parent that was
    unknown at the count has no edge, and a later job with its id means nothing to the child.

    While a job waits and has open or unmet parents, its two counts are those that its edges give. One that waits with
    neither has started its way, and its parents may be requeued without any effect on it.
    """

    def __init__(self, rows: dict[str, Row], waiting: Waiting) -> None:
        self._rows = rows
        self._waiting = waiting
        self._children: dict[str, dict[str, When]] = {}

    def __iter__(self) -> Iterator[str]:
        """The parents."""
        return iter(self._children)

    def of_parent(self, id: str) -> dict[str, When]:
        """The children that have not ended, and what end each asks for."""
        return self._children.get(id, {})

    def unknown(self, new: NewJob, id: str) -> str | None:
        """The first parent that is not there for a job that is about to get this id."""
        return next((parent for parent in new.parents if parent == id or parent not in self._rows), None)

    def count(self, row: Row) -> None:
        """Make a row's edges, and count its parents by what they are now."""
        row.open_parents = row.unmet = 0
        if not row.spec.after:
            return
        self.drop(row)
        id, unknown = row.spec.id, 0
        for edges in row.spec.after:
            for parent in edges.ids:
                if parent == id or parent not in self._rows:
                    unknown += 1
                else:
                    self._children.setdefault(parent, {})[id] = edges.when
        row.open_parents, unmet = self.recount(row)
        row.unmet = unmet + unknown

    def drop(self, row: Row) -> None:
        """The row waits for nobody."""
        for parent in row.spec.parents:
            self.remove(parent, row.spec.id)

    def remove(self, parent: str, child: str) -> None:
        children = self._children.get(parent)
        if children is not None:
            children.pop(child, None)
            if not children:
                del self._children[parent]

    def recount(self, row: Row) -> tuple[int, int]:
        """How many of its edges lead to a parent that is open, and to one that ended otherwise than they ask for."""
        opened = unmet = 0
        for parent in row.spec.parents:
            when = self.of_parent(parent).get(row.spec.id)
            if when is not None:
                state = self._rows[parent].state
                opened += not state.ended
                unmet += state.ended and not when.met_by(state)
        return opened, unmet

    def on_end(self, id: str, state: State, now: int) -> None:
        """A job has ended: count that at each child, and let those go of whom it was the last parent."""
        for name, when in self.of_parent(id).items():
            child = self._rows[name]
            if child.state is not State.WAITING or not child.open_parents:
                continue
            child.unmet += not when.met_by(state)
            if child.open_parents > 1:
                child.open_parents -= 1
                continue
            self._waiting.leave(child)
            child.open_parents = 0
            child.due_at = max(child.due_at, now + child.spec.delay_ms * 1000)
            self._waiting.enter(child)

    def on_restart(self, id: str, ended: State) -> None:
        """A job that had ended like this waits again, and so do those of its children that have not started their way.

        A child in its line, of which every parent has ended but one ended otherwise than asked for, leaves it.
        """
        for name, when in self.of_parent(id).items():
            child = self._rows[name]
            if child.state is State.WAITING and (child.open_parents or child.unmet):
                self._waiting.leave(child)
                child.open_parents += 1
                child.unmet -= not when.met_by(ended)
                self._waiting.enter(child)

    def forget(self, id: str) -> None:
        """A job is deleted: nobody waits for it any more."""
        self._children.pop(id, None)
