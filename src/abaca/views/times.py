"""Instants as people write them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import overload

_EPOCH = datetime(1970, 1, 1)
"""In UTC, without saying so: that halves what a time costs."""
_FIRST = (datetime.min - _EPOCH) // timedelta(microseconds=1)
_LAST = (datetime.max - _EPOCH) // timedelta(microseconds=1)


@overload
def instant(micros: int) -> str: ...
@overload
def instant(micros: None) -> None: ...
@overload
def instant(micros: int | None) -> str | None: ...
def instant(micros: int | None) -> str | None:
    """RFC 3339 in UTC with microseconds. What is beyond the years 1 to 9999 is the nearest in them."""
    if micros is None:
        return None
    since = timedelta(microseconds=min(max(micros, _FIRST), _LAST))
    return (_EPOCH + since).isoformat(timespec="microseconds") + "Z"
