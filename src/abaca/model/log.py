"""The log of one job: progress, log lines, errors, in order."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from abaca.model.base import Value
from abaca.model.job import Job


class Kind(StrEnum):
    """Kinds of log entry. ``PROGRESS`` and ``LOG`` are trimmed to a cap; the others never are."""

    STATUS = "status"
    PROGRESS = "progress"
    LOG = "log"
    ITEM = "item"
    STEP = "step"
    ERROR = "error"
    GAP = "gap"


TRIMMED_KINDS = frozenset({Kind.PROGRESS, Kind.LOG})


class Progress(Value, frozen=True, kw_only=True):
    """How far a run was when it last said so with ``ctx.progress``."""

    done: float
    total: float | None = None
    stage: str | None = None
    message: str | None = None
    data: Any = None

    @property
    def percent(self) -> float | None:
        """0 to 100; ``None`` without a total above zero."""
        if not self.total or self.total < 0:
            return None
        return min(100.0, max(0.0, 100 * self.done / self.total))

    def __str__(self) -> str:
        percent = self.percent
        far = f"{self.done:g}" if self.total is None else f"{self.done:g} of {self.total:g}"
        words = [far if percent is None else f"{far} ({percent:.0f}%)", self.stage, self.message]
        return ", ".join(word for word in words if word)


class NewUpdate(Value, frozen=True, kw_only=True):
    """A log entry on its way to the store. ``seq`` counts from 1 within one (id, epoch) and makes a repeat harmless."""

    id: str
    epoch: int
    seq: int
    kind: Kind
    data: bytes = b"null"


class Update(Value, frozen=True, kw_only=True):
    """One event of a job, in order. ``id`` counts up within the job and can be resumed from; ``data`` is JSON."""

    id: int
    kind: Kind
    at: int = 0
    attempt: int = 0
    data: bytes = b"null"

    @property
    def value(self) -> Any:
        return msgspec.json.decode(self.data)


class History(Value, frozen=True, kw_only=True):
    """The job and a slice of its stored log, read together. ``job`` is ``None`` when the id is unknown.

    ``dropped`` is how many entries above ``after``, up to the last one returned, were trimmed.
    """

    job: Job | None = None
    entries: list[Update] = []
    dropped: int = 0
