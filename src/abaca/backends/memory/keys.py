"""Who holds which key, and until when."""

from __future__ import annotations

from collections.abc import Iterator

from abaca.backends.memory.rows import Row
from abaca.model import KeyScope, NewJob, State


def must_hold(row: Row) -> bool:
    """Whether the job surely holds its key: one that is held until the claim may be another's after it."""
    if row.spec.key_scope is KeyScope.WAITING:
        return row.state is State.WAITING and row.epoch == 0
    return row.spec.key_scope is KeyScope.LIVE and not row.state.ended


class Keys:
    """One holder for each key. A key that is held for a period may outlive its holder."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[str, int | None]] = {}

    def holder(self, key: str, now: int) -> str | None:
        held = self._held.get(key)
        if held is None:
            return None
        id, ends_at = held
        if ends_at is not None and ends_at <= now:
            del self._held[key]
            return None
        return id

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def for_a_period(self, key: str) -> bool:
        return self._held[key][1] is not None

    def drop(self, key: str) -> None:
        del self._held[key]

    def take(self, new: NewJob, now: int) -> None:
        if new.key is not None:
            ends_at = now + new.key_ms * 1000 if new.key_scope is KeyScope.PERIOD else None
            self._held[new.key] = (new.id, ends_at)

    def on_claim(self, spec: NewJob) -> None:
        if spec.key_scope is KeyScope.WAITING:
            self.release(spec)

    def on_end(self, spec: NewJob) -> None:
        if spec.key_scope is not KeyScope.PERIOD:
            self.release(spec)

    def release(self, spec: NewJob) -> None:
        """Let go of the job's key, if it still holds it."""
        if spec.key is not None and self._held.get(spec.key, ("", None))[0] == spec.id:
            del self._held[spec.key]

    def sweep(self, now: int) -> None:
        """Forget the keys whose period is over."""
        self._held = {key: held for key, held in self._held.items() if held[1] is None or held[1] > now}
