"""Which jobs a command is about: the same flags for every command that searches."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Annotated

from cyclopts import Parameter

from abaca.checks import instant
from abaca.cli.jobview import job_id
from abaca.durations import parse_duration
from abaca.errors import ConfigError
from abaca.model import STATUS_ALIASES, Query, Status


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    status: Annotated[
        tuple[str, ...], Parameter(negative="", show_default=False, help="Only these; may be given several times.")
    ] = ()
    queue: Annotated[str | None, Parameter(help="Only this queue's.")] = None
    task: Annotated[str | None, Parameter(help="Only this task's.")] = None
    tag: Annotated[str | None, Parameter(help="Only those with this tag.")] = None
    key: Annotated[str | None, Parameter(help="Only those with this key.")] = None
    tenant: Annotated[str | None, Parameter(help="Only this tenant's.")] = None
    owner: Annotated[str | None, Parameter(help="Only this owner's.")] = None
    workflow: Annotated[str | None, Parameter(help="Only the members of this one.")] = None
    since: Annotated[str | None, Parameter(help="Enqueued after this time, or at most so long ago, as 2h.")] = None
    before: Annotated[str | None, Parameter(help="Enqueued before this time, or longer ago, as 2h.")] = None
    text: Annotated[str | None, Parameter(help="Look for this in ids, task names and arguments.")] = None

    @property
    def given(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    def query(self, now: int, default: tuple[Status, ...] = ()) -> Query:
        """The search. ``now`` is the store's clock; ``default`` are the statuses where none is given.

        Raises ``ConfigError`` naming the flag.
        """
        return Query(
            status=statuses(self.status) or default,
            queue=self.queue,
            task=self.task,
            tag=self.tag,
            key=self.key,
            tenant=self.tenant,
            owner=self.owner,
            parent=None if self.workflow is None else job_id(self.workflow),
            created_after=_time(self.since, "--since", now),
            created_before=_time(self.before, "--before", now),
            text=self.text,
        )


NO_FILTER = Filter()


def statuses(given: tuple[str, ...]) -> tuple[Status, ...]:
    words = [word.strip().lower() for text in given for word in text.split(",") if word.strip()]
    known = {status.value for status in Status}
    for word in words:
        if STATUS_ALIASES.get(word, word) not in known:
            raise ConfigError(f"--status: {word!r} is no status; use one of {', '.join(Status)}")
    return tuple(dict.fromkeys(Status(STATUS_ALIASES.get(word, word)) for word in words))


def read_time(text: str, what: str) -> datetime:
    """A time as RFC 3339 writes it. Raises ``ConfigError`` for one without a zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{what}: {text!r} is no time; write it as 2026-11-28T20:00:00+01:00 or ...Z") from None
    if moment.tzinfo is None:
        raise ConfigError(f"{what}: {text!r} names no time zone; write it as 2026-11-28T20:00:00+01:00 or ...Z")
    return moment


def _time(text: str | None, what: str, now: int) -> int | None:
    """An instant in microseconds, of a time or of a length before ``now``."""
    if text is None:
        return None
    if "-" in text or ":" in text:
        return instant(read_time(text, what), what)
    return now - parse_duration(text, what) * 1000
