"""Where the series of the charts come from."""

from __future__ import annotations

from abaca.http.dashboard.desk import Desk
from abaca.http.dashboard.series import Series


async def last_hour(desk: Desk, now: int, queue: str | None = None, task: str | None = None) -> Series | None:
    """The last sixty minutes of all tasks and queues, or of one; ``None`` where nothing was measured."""
    return None
