"""What people do to a stored job: cancel, requeue, amend."""

from __future__ import annotations

from enum import IntEnum

from abaca.model.base import Value


class Cancelled(IntEnum):
    ENDED = 0  # it was waiting and is cancelled now
    FLAGGED = 1  # it is running and will be told
    ALREADY = 2  # it had ended before
    UNKNOWN = 3


class Requeued(IntEnum):
    REQUEUED = 0
    HELD = 1  # another live job has its key
    STALE = 2  # it did not end at that epoch
    UNKNOWN = 3


class Change(Value, frozen=True, kw_only=True):
    """An amendment of a WAITING or ended job. ``None`` leaves a value; ``revision=None`` applies whatever it is.

    ``drop_result`` deletes an ended job's stored result; ``delete`` removes the whole record.
    """

    id: str
    revision: int | None = None
    run_at: int | None = None
    delay_ms: int | None = None
    priority: int | None = None
    queue: str | None = None
    tags: tuple[str, ...] | None = None
    args: bytes | None = None
    drop_result: bool = False
    delete: bool = False


class Amended(IntEnum):
    APPLIED = 0
    BUSY = 1
    STALE = 2
    UNKNOWN = 3
