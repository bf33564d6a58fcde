"""What a place is: blobs by name, in a space for each store. No code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

BLOB_NAME = re.compile(r"([0-9a-f]{32})-(\d{1,10})-[0-9a-f]{16}(?:\.[0-9a-f]{8}\.tmp)?")
"""Job, epoch and token, and the mark of a blob that is not whole yet. The names sort by the age of their jobs."""


@dataclass(frozen=True, slots=True)
class Blob:
    """``at``: when it was written, in microseconds by the place's clock."""

    name: str
    at: int

    @property
    def job_id(self) -> str:
        return self.name[:32]


@dataclass(frozen=True, slots=True)
class Page:
    """Blobs in the order of their names, and the place's clock then, in microseconds. ``after``: where the next page
    begins, ``None`` when this was the last."""

    blobs: list[Blob]
    now: int
    after: str | None = None


class Place(Protocol):
    """Keeps bytes by space and name. Usable from any event loop and thread, and in a forked child.

    Every method raises ``PlaceUnavailable`` when the place is away, full, or refuses; all may be repeated.
    """

    @property
    def shown(self) -> str:
        """Its URL as people may see it."""
        ...

    async def put(self, space: str, name: str, data: bytes) -> None:
        """Keep the bytes; they survive what the place survives once this returns."""
        ...

    async def get(self, space: str, name: str, start: int, size: int) -> bytes:
        """At most ``size`` bytes from ``start``; fewer where the blob ends. Raises ``NotHere``."""
        ...

    async def delete(self, space: str, name: str) -> None:
        """One that is not there is no error."""
        ...

    async def page(self, space: str, after: str, limit: int) -> Page:
        """The blobs whose names are above ``after``. Whatever else is there is left out."""
        ...

    async def close(self) -> None:
        """Let go of connections. The next use makes them anew."""
        ...
