"""Times as people read them: how long ago, how long it took. ``assets/app.js`` writes the same while a page is open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEPS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))
Moment = int | str | datetime | None
"""Microseconds since the Unix epoch, RFC 3339, or a datetime with a zone."""


def micros(moment: Moment) -> int | None:
    match moment:
        case str():
            return micros(datetime.fromisoformat(moment))
        case datetime():
            return (moment - _EPOCH) // timedelta(microseconds=1)
        case _:
            return moment


def utc(text: str) -> datetime:
    """RFC 3339; without a zone it is UTC. Raises ``ValueError``."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def from_micros(moment: int) -> datetime:
    return _EPOCH + timedelta(microseconds=moment)


def span(seconds: float) -> str:
    """``0.24 s``, ``12 s``, ``3 min``, ``2 h``, ``4 d``: two digits that matter, and no more."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    for length, unit in _STEPS:
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"


def ago(moment: int, now: int) -> str:
    """``now``, ``5 s ago``, ``in 3 min``."""
    seconds = (now - moment) / 1e6
    if abs(seconds) < 1:
        return "now"
    text = span(abs(seconds) if abs(seconds) >= 10 else float(int(abs(seconds)))).replace(".0 s", " s")
    return f"{text} ago" if seconds > 0 else f"in {text}"


def exact(moment: int) -> str:
    """For the hover: UTC, to the millisecond."""
    return from_micros(moment).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + " UTC"


def clock(moment: int) -> str:
    """The time of day in UTC, as axes write it."""
    return from_micros(moment).strftime("%H:%M")
