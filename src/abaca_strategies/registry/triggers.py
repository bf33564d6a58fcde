"""Triggers of alerts: each at most once, and none that was to be told is forgotten.

A trigger is a record by strategy, bucket and ticker, written only where there is none; in the same act its lines in the
histories are. A rule that found it is added to it once. Where the rule is to tell its webhook, that act also leaves a
*note* to do so, which goes in the act that says it was done: whoever dies in between leaves the note for the evaluation
that comes after. A rule's silence after it told of a ticker is a record that lives for so long.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from abaca import Record
from abaca_strategies.errors import Refused
from abaca_strategies.flowmodels import AlertEvent, AlertEventPage, Notice
from abaca_strategies.registry.recording import Records, again, put_all, read_one, scanned
from abaca_strategies.requests import AlertRuleRequest

TRIGGER = "strategies.alert.trigger"
LINE = "strategies.alert.history"
NOTE = "strategies.alert.note"
SILENCE = "strategies.alert.silence"
MAX_PAGE = 200
MAX_DATA = 8_000
"""Bytes of what a strategy says of a trigger that are kept."""
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """That a rule is to tell of a trigger."""

    rule_id: str
    trigger: str
    """The id of its record."""


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    event: AlertEvent
    renewed_at: str
    """Since when it is kept; one that is found again does not go, since it would trigger again then."""


_encode = msgspec.json.Encoder().encode
_kept = msgspec.json.Decoder(_Kept).decode
_note = msgspec.json.Decoder(Note).decode


class Triggers:
    """``keep``: seconds for which a trigger stays after it was last found."""

    def __init__(self, records: Records, keep: float) -> None:
        self._records = records
        self._keep = keep
        self._keep_ms = max(round(keep * 1000), 1)

    async def note(self, event: AlertEvent, rule: tuple[str, AlertRuleRequest] | None) -> AlertEvent:
        """Keeps a trigger that was found, by a rule or on demand, and answers what is kept of it.

        However often and wherever it is found, it is one, and each rule's notice is decided once.
        """
        id = trigger_id(event)
        async for _ in again(f"the trigger {id}"):
            record = await read_one(self._records, TRIGGER, id)
            kept = _Kept(event=_fitted(event), renewed_at=event.triggered_at) if record is None else _of(record)
            wanted = [] if record is not None else self._lines(kept.event)
            if rule is not None and rule[0] not in kept.event.rules:
                notice, more = await self._notice(*rule, kept.event)
                kept = msgspec.structs.replace(kept, event=_with(kept.event, rule[0], notice))
                wanted += [self._record(_line_of_rule(rule[0]), _place(kept.event)), *more]
            elif record is not None and not self._is_old(kept, event.triggered_at):
                return kept.event
            elif record is not None:
                kept = msgspec.structs.replace(kept, renewed_at=event.triggered_at)
            wanted.append(self._record(TRIGGER, id, _encode(kept), 0 if record is None else record.version))
            if await put_all(self._records, wanted):
                return kept.event
        raise AssertionError

    async def notes(self, rule_id: str) -> list[Note]:
        """What a rule has still to tell."""
        found: list[Note] = []
        after = ""
        while page := await scanned(self._records, NOTE, prefix=f"{rule_id}/", after=after):
            found += [_note(each.data or b"") for each in page]
            after = page[-1].id
        return found

    async def event(self, note: Note) -> AlertEvent | None:
        """The trigger of a note, for as long as it is kept."""
        record = await read_one(self._records, TRIGGER, note.trigger)
        return None if record is None else _of(record).event

    async def settle(self, note: Note, notice: Notice) -> None:
        """What became of a note. Doing it again changes nothing."""
        id = f"{note.rule_id}/{note.trigger}"
        async for _ in again(f"the trigger {note.trigger}"):
            left, record = await read_one(self._records, NOTE, id), await read_one(self._records, TRIGGER, note.trigger)
            if left is None:
                return
            wanted = [msgspec.structs.replace(left, data=None)]
            if record is not None:
                kept = _of(record)
                kept = msgspec.structs.replace(kept, event=_with(kept.event, note.rule_id, notice))
                wanted.append(self._record(TRIGGER, note.trigger, _encode(kept), record.version))
            if await put_all(self._records, wanted):
                return

    async def history(
        self, *, rule_id: str | None, strategy_id: int | None, ticker: str | None, cursor: str | None, limit: int
    ) -> AlertEventPage:
        """The newest first."""
        if not 1 <= limit <= MAX_PAGE:
            raise Refused("limit", f"it is {limit}; from 1 to {MAX_PAGE} can be asked for")
        after, found = _cursor(cursor), list[tuple[str, AlertEvent]]()
        line = LINE
        if rule_id is not None:
            line = _line_of_rule(rule_id)
        elif strategy_id is not None:
            line = _line_of_strategy(strategy_id)
        while len(found) <= limit:
            page = await scanned(self._records, line, after=after)
            for place, event in await self._read([each.id for each in page]):
                if ticker in (None, event.ticker) and strategy_id in (None, event.strategy_id):
                    found.append((place, event))
            if not page:
                break
            after = page[-1].id
        items = found[:limit]
        cursor = items[-1][0] if len(found) > limit else None
        return AlertEventPage(items=[event for _, event in items], cursor=cursor)

    async def _read(self, places: Iterable[str]) -> list[tuple[str, AlertEvent]]:
        asked = list(places)
        if not asked:
            return []
        records = await self._records.read(TRIGGER, [place.partition("/")[2] for place in asked])
        pairs = zip(asked, records, strict=True)
        return [(place, _of(each).event) for place, each in pairs if each is not None and each.data is not None]

    async def _notice(self, id: str, rule: AlertRuleRequest, event: AlertEvent) -> tuple[Notice, list[Record]]:
        """What is to become of a trigger for a rule, and what is written beside it."""
        if rule.webhook is None:
            return "kept", []
        if rule.is_muted:
            return "muted", []
        note = Note(rule_id=id, trigger=trigger_id(event))
        more = [self._record(NOTE, f"{id}/{note.trigger}", _encode(note))]
        if rule.cooldown_seconds > 0:
            silence = f"{id}/{event.ticker}"
            if await read_one(self._records, SILENCE, silence) is not None:
                return "cooldown", []
            until = max(round(rule.cooldown_seconds * 1000), 1)
            more.append(Record(kind=SILENCE, id=silence, data=b"1", expires_ms=until))
        return "pending", more

    def _lines(self, event: AlertEvent) -> list[Record]:
        return [self._record(kind, _place(event)) for kind in (LINE, _line_of_strategy(event.strategy_id))]

    def _record(self, kind: str, id: str, data: bytes = b"", version: int = 0) -> Record:
        return Record(kind=kind, id=id, data=data, version=version, expires_ms=self._keep_ms)

    def _is_old(self, kept: _Kept, now: str) -> bool:
        return _seconds(now) - _seconds(kept.renewed_at) > self._keep / 4


def trigger_id(event: AlertEvent) -> str:
    """The ticker comes last, since it may hold any character."""
    return f"{event.strategy_id:012d}/{event.timeframe}/{event.bucket}/{event.ticker}"


def _of(record: Record) -> _Kept:
    return _kept(record.data or b"")


def _with(event: AlertEvent, rule_id: str, notice: Notice) -> AlertEvent:
    return msgspec.structs.replace(event, rules={**event.rules, rule_id: notice})


def _fitted(event: AlertEvent) -> AlertEvent:
    return event if len(_encode(event.data)) <= MAX_DATA else msgspec.structs.replace(event, data={})


def _line_of_strategy(strategy_id: int) -> str:
    return f"strategies.alert.history.{strategy_id}"


def _line_of_rule(rule_id: str) -> str:
    return f"strategies.alert.history.rule.{rule_id}"


def _place(event: AlertEvent) -> str:
    """Where a trigger stands in a history, the newest first."""
    return f"{(1 << 63) - round(_seconds(event.triggered_at) * 1e6):016x}/{trigger_id(event)}"


def _seconds(text: str) -> float:
    return (datetime.fromisoformat(text) - _EPOCH).total_seconds()


def _cursor(cursor: str | None) -> str:
    if cursor is None:
        return ""
    place, _, trigger = cursor.partition("/")
    if len(place) != 16 or not trigger or len(cursor) > 512:
        raise Refused("cursor", f"{cursor[:40]!r} was not given by this list")
    return cursor
