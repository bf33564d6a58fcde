"""Which jobs a list shows. All of it is in the URL, so that a link, a bookmark and the back button mean the same."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec

from abaca.durations import parse_duration
from abaca.errors import ConfigError
from abaca.http.dashboard.times import micros, utc
from abaca.model import STATUS_ALIASES, Query, Status

NAMES = ("task", "queue", "tag", "tenant", "owner", "key", "parent", "error", "q")
SINCE = (("15m", "15 minutes"), ("1h", "an hour"), ("1d", "a day"), ("7d", "a week"))
"""The lengths that the list offers; a URL may say any other."""
PAGE = 50
MOST = 500


class JobFilter(msgspec.Struct, frozen=True, kw_only=True):
    """``since`` and ``until`` are when a job was created: a duration back from now (``1h``), or RFC 3339.
    ``error`` is the name of a group of equal failures.
    """

    status: tuple[Status, ...] = ()
    task: str = ""
    queue: str = ""
    tag: str = ""
    tenant: str = ""
    owner: str = ""
    key: str = ""
    parent: str = ""
    error: str = ""
    q: str = ""
    since: str = ""
    until: str = ""
    cursor: str = ""
    limit: int = PAGE

    def query(self, now: int, owner: str | None = None, limit: int | None = None) -> Query:
        """``owner`` is whose jobs the caller may see, whatever the filter asks for. Raises ``ConfigError``."""
        return Query(
            status=self.status,
            task=self.task or None,
            queue=self.queue or None,
            tag=self.tag or None,
            tenant=self.tenant or None,
            owner=owner if owner is not None else self.owner or None,
            key=self.key or None,
            parent=self.parent or None,
            text=self.q or None,
            created_after=_instant(self.since, now, "since"),
            created_before=_instant(self.until, now, "until"),
            cursor=self.cursor or None,
            limit=limit or self.limit,
        )

    def params(self, *, cursor: str = "") -> dict[str, str | list[str]]:
        """What it says, for a link; without its place in the list unless one is given."""
        found: dict[str, str | list[str]] = {"status": [status.value for status in self.status]} if self.status else {}
        found |= {name: value for name in (*NAMES, "since", "until") if (value := getattr(self, name))}
        if self.limit != PAGE:
            found["limit"] = str(self.limit)
        return found | ({"cursor": cursor} if cursor else {})

    @property
    def has_times(self) -> bool:
        return bool(self.since or self.until)

    @property
    def narrows(self) -> bool:
        return bool(self.params().keys() - {"limit"})

    def only(self, *statuses: Status) -> JobFilter:
        """The same, of its statuses only those among these; all of them where it names none."""
        chosen = tuple(status for status in statuses if not self.status or status in self.status)
        return msgspec.structs.replace(self, status=chosen, cursor="")


def read_filter(query: bytes) -> JobFilter:
    """Raises ``ConfigError`` naming the parameter that cannot be used."""
    pairs = parse_qsl(query.decode("utf-8", "replace"), keep_blank_values=False)
    given: dict[str, str] = {name: value.strip() for name, value in pairs}
    known = {name: given[name] for name in (*NAMES, "since", "until", "cursor") if name in given}
    words = [word for name, value in pairs if name == "status" for word in _words(value)]
    found = JobFilter(status=tuple(dict.fromkeys(map(_status, words))), limit=_limit(given), **known)
    _instant(found.since, 0, "since")
    _instant(found.until, 0, "until")
    return found


def has_blanks(query: bytes) -> bool:
    """Whether a form has put empty fields into the URL, which are better left out of it."""
    return any(not value for _, value in parse_qsl(query.decode("utf-8", "replace"), keep_blank_values=True))


def _words(value: str) -> list[str]:
    return [word.strip().lower() for word in value.split(",") if word.strip()]


def _status(word: str) -> Status:
    try:
        return Status(STATUS_ALIASES.get(word, word))
    except ValueError:
        raise ConfigError(f"status: {word!r} is no status; use one of {', '.join(Status)}") from None


def _limit(given: Mapping[str, str]) -> int:
    text = given.get("limit", str(PAGE))
    if not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise ConfigError(f"limit: {text[:20]!r} is not usable; give 1 to {MOST}")
    return int(text)


def _instant(text: str, now: int, name: str) -> int | None:
    if not text:
        return None
    try:
        return now - parse_duration(text, name) * 1000
    except ConfigError:
        pass
    try:
        return micros(utc(text))
    except (ValueError, OverflowError):
        raise ConfigError(f"{name}: {text[:40]!r} is no time; give 15m, 1h or 2d, or 2026-01-31T12:00Z") from None
