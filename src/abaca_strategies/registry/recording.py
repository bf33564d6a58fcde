"""Changing ``app.records`` by compare-and-set: again when somebody was faster."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Protocol

from abaca import Record, Verdict
from abaca_strategies.errors import Conflict

TRIES = 200
"""How often a change is made anew because somebody was faster."""
LONGEST_PAUSE = 0.05


class Records(Protocol):
    """``app.records``."""

    async def read(self, kind: str, ids: Sequence[str]) -> list[Record | None]: ...

    async def put(self, records: Sequence[Record], *, together: bool = False) -> list[Verdict]: ...

    async def scan(self, kind: str, after: str = "", limit: int = 100) -> list[Record]: ...


async def again(what: str) -> AsyncIterator[int]:
    """As often as a change may be tried, with growing pauses. Raises ``Conflict`` behind the last one."""
    for attempt in range(TRIES):
        yield attempt
        await asyncio.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.001 * attempt)))
    raise Conflict(f"{what} was changed by others all the time; nothing was changed, try again")


async def put_all(records: Records, wanted: Sequence[Record]) -> bool:
    """All of them in one act, or none. False may also mean that the reply to a success was lost."""
    return Verdict.STALE not in await records.put(wanted, together=True)


async def read_one(records: Records, kind: str, id: str) -> Record | None:
    (found,) = await records.read(kind, [id])
    return found if found is not None and found.data is not None else None


async def scanned(records: Records, kind: str, prefix: str = "", after: str = "", page: int = 200) -> list[Record]:
    """The first ``page`` records of a kind whose ids begin with ``prefix`` and lie above ``after``."""
    found = await records.scan(kind, after or prefix, page)
    return [each for each in found if each.id.startswith(prefix)]


def now_text() -> str:
    """RFC 3339 in UTC, with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
