"""Instants as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import overload

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@overload
def instant(micros: int) -> str: ...
@overload
def instant(micros: None) -> None: ...
@overload
def instant(micros: int | None) -> str | None: ...
def instant(micros: int | None) -> str | None:
    """RFC 3339 in UTC with microseconds."""
    if micros is None:
        return None
    return (_EPOCH + timedelta(microseconds=micros)).isoformat(timespec="microseconds").replace("+00:00", "Z")
