"""Times and lengths as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(micros: int) -> str:
    """RFC 3339 in UTC to the second, for sentences."""
    return (_EPOCH + timedelta(microseconds=micros)).isoformat(timespec="seconds").replace("+00:00", "Z")


def ago(micros: int | None, now: int) -> str:
    return "-" if micros is None else span((now - micros) / 1e6)


def span(seconds: float) -> str:
    """A length of time in its largest one or two units."""
    if seconds < 0:
        return f"in {span(-seconds)}"
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    if seconds < 60:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    for size, unit, below, small in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            return f"{whole // size}{unit}{whole % size // below}{small}"
    return f"{whole}s"


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(words: list[str], most: int = 3) -> str:
    """``a``, ``a and b``, ``a, b and 7 more``."""
    shown = words[:most] if len(words) <= most else words[: most - 1]
    if len(words) > len(shown):
        shown = [*shown, f"{len(words) - len(shown):,} more"]
    return " and ".join([*([", ".join(shown[:-1])] if shown[:-1] else []), *shown[-1:]])
