"""Alert rules: a strategy that is evaluated by the clock, and what it found. Each rule has a schedule of Abaca's own.

A rule's schedule is made before its record, so that a cadence which cannot be used makes neither, and goes after it. So
what a crash can leave behind is a schedule without a rule; the evaluation that it makes finds none and removes it. The
hourly ``strategies.tidy`` makes a schedule that a rule lacks, where two did this at once.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from abaca import App, ConfigError, JobHandle, Record, Task, Webhook
from abaca_strategies.errors import Conflict, Refused, RuleNotFound, StrategyNotFound
from abaca_strategies.failures import DataError
from abaca_strategies.flowmodels import AlertEventPage, AlertRule, AlertRulePage
from abaca_strategies.models import AlertResult
from abaca_strategies.registry.cadences import Cadences, schedule_of
from abaca_strategies.registry.recording import again, now_text, put_all, read_one, scanned
from abaca_strategies.registry.strategies import Registry
from abaca_strategies.registry.triggers import Triggers
from abaca_strategies.requests import AlertRequest, AlertRuleRequest

if TYPE_CHECKING:
    from abaca_strategies.registry.datasets import DataSets

RULE = "strategies.alert"
STATE = "strategies.alert.state"
MAX_PAGE = 200
DAY = "1d"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class StoredRule(msgspec.Struct, frozen=True, kw_only=True):
    rule: AlertRuleRequest
    user_id: int = 0
    created_at: str
    changed_at: str


class RuleState(msgspec.Struct, frozen=True, kw_only=True):
    """What evaluations leave, apart from the rule, so that they and its owner do not change the same record."""

    last_run_at: str | None = None
    last_trigger_at: str | None = None
    last_error: str | None = None


_encode = msgspec.json.Encoder().encode
_rule = msgspec.json.Decoder(StoredRule).decode
_state = msgspec.json.Decoder(RuleState).decode


class Alerts:
    """The alert rules of one app. ``task`` is the one that evaluates them, ``most`` how many a user may have."""

    def __init__(
        self,
        app: App,
        registry: Registry,
        datasets: Callable[[], DataSets],
        task: Task[[AlertRequest], AlertResult],
        *,
        keep: float,
        most: int,
    ) -> None:
        self._records = app.records
        self._registry = registry
        self._datasets = datasets
        self._task = task
        self._cadences = Cadences(app, task)
        self._most = most
        self.triggers = Triggers(app.records, keep)

    async def create(self, request: AlertRuleRequest, *, user_id: int = 0, id: str | None = None) -> AlertRule:
        """A new rule, evaluated from now on; its strategy's ``isAlertActive`` is on then. With an ``id``, creating the
        same again answers the rule that is there.

        Raises ``StrategyNotFound``, ``VersionNotFound``, ``DataSetNotFound``, ``SymbolNotFound``, ``Refused`` for a
        cadence, timeframe, webhook or id that cannot be used or one rule too many, and ``Conflict`` where another rule
        has the id.
        """
        await self._check(request)
        if id is not None and not _ID.fullmatch(id):
            raise Refused("id", f"{id[:80]!r} cannot be used; 1 to 64 letters, digits, '-' and '_'")
        id = id or f"alert-{uuid.uuid4().hex[:16]}"
        if await read_one(self._records, RULE, id) is None:
            await self._check_room(user_id)
            await self._cadences.keep(id, request)
            now = now_text()
            made = StoredRule(rule=request, user_id=user_id, created_at=now, changed_at=now)
            if await put_all(self._records, [Record(kind=RULE, id=id, data=_encode(made))]):
                await self._activate(id, request)
                return await self.get(id)
        _, there = await self._read(id)
        if (there.rule, there.user_id) != (request, user_id):
            await self._cadences.keep(id, there.rule)
            raise Conflict(f"there is another alert rule {id}; give another id, or replace it")
        return await self.get(id)

    async def replace(self, id: str, request: AlertRuleRequest) -> AlertRule:
        """The rule is this one from now on; what it has told is told. Raises ``RuleNotFound``, and what ``create``
        raises."""
        await self._read(id)
        await self._check(request)
        await self._cadences.keep(id, request)
        before = await self._change(id, lambda _: request)
        await self._activate(id, request)
        if before.strategy_id != request.strategy_id:
            await self._calm(before.strategy_id)
        return await self.get(id)

    async def get(self, id: str) -> AlertRule:
        """Raises ``RuleNotFound``."""
        _, rule = await self._read(id)
        (view,) = await self._views([(id, rule)])
        return view

    async def delete(self, id: str) -> None:
        """The rule and its schedule go; its history stays. Where it was the last rule of its strategy, that one's
        ``isAlertActive`` is off then. Raises ``RuleNotFound``."""
        async for _ in again(f"alert rule {id}"):
            record, rule = await self._read(id)
            if await put_all(self._records, [msgspec.structs.replace(record, data=None)]):
                break
        await self.clear(id)
        await self._calm(rule.rule.strategy_id)

    async def delete_of(self, strategy_id: int) -> None:
        """All rules of a strategy, such as one that was deleted."""
        async for id, rule in self._all():
            if rule.rule.strategy_id == strategy_id:
                with suppress(RuleNotFound):  # somebody else deleted it meanwhile
                    await self.delete(id)

    async def mute(self, id: str, is_muted: bool) -> AlertRule:
        """A muted rule is evaluated and its triggers kept, and it tells nobody, of these neither later. Raises
        ``RuleNotFound``."""
        await self._change(id, lambda rule: msgspec.structs.replace(rule, is_muted=is_muted))
        return await self.get(id)

    async def test(self, id: str) -> JobHandle[AlertResult]:
        """Evaluate it now and keep nothing; its webhook, where it has one and is not muted, gets a notice that says
        so. Raises ``RuleNotFound``."""
        _, rule = await self._read(id)
        request = AlertRequest(user_id=rule.user_id, strategy_id=rule.rule.strategy_id, rule_id=id, is_test=True)
        return await self._task.enqueue(request)

    async def history(
        self,
        *,
        rule_id: str | None = None,
        strategy_id: int | None = None,
        ticker: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> AlertEventPage:
        """Triggers, the newest first, also of rules that are gone. Raises ``Refused`` for a bad limit or cursor."""
        if rule_id is not None and not _ID.fullmatch(rule_id):
            raise RuleNotFound(rule_id[:80])
        return await self.triggers.history(
            rule_id=rule_id, strategy_id=strategy_id, ticker=ticker, cursor=cursor, limit=limit
        )

    async def stored(self, id: str) -> StoredRule | None:
        """The rule as it is kept, for whoever evaluates it."""
        record = await read_one(self._records, RULE, id) if _ID.fullmatch(id) else None
        return None if record is None else _rule(record.data or b"")

    async def clear(self, id: str) -> None:
        """What belongs to a rule that is gone: its schedule, and how its last evaluation went."""
        await self._cadences.drop(id)
        async for _ in again(f"the state of alert rule {id}"):
            state = await read_one(self._records, STATE, id)
            if state is None or await put_all(self._records, [msgspec.structs.replace(state, data=None)]):
                return

    async def ran(self, id: str, at: str, error: str | None, triggered_at: str | None) -> None:
        """How an evaluation of a rule went."""
        async for _ in again(f"the state of alert rule {id}"):
            record = await read_one(self._records, STATE, id)
            before = RuleState() if record is None else _state(record.data or b"")
            after = RuleState(
                last_run_at=max(at, before.last_run_at or ""),
                last_trigger_at=triggered_at or before.last_trigger_at,
                last_error=error,
            )
            version = 0 if record is None else record.version
            if await put_all(self._records, [Record(kind=STATE, id=id, data=_encode(after), version=version)]):
                return

    async def mend(self) -> None:
        """Makes the schedules that rules lack."""
        async for id, rule in self._all():
            if not await self._cadences.has(id):
                with suppress(Refused):  # a zone, say, that is not known here any more
                    await self._cadences.keep(id, rule.rule)

    async def _check(self, request: AlertRuleRequest) -> None:
        strategy = await self._registry.get(request.strategy_id, request.version)
        file = await self._datasets().open(request.dataset, request.universe or strategy.alert_universe)
        timeframe = request.min_timeframe or strategy.min_timeframe or DAY
        try:
            await self._datasets().newest(file, file.tickers[:1], timeframe=timeframe)
        except DataError as error:
            raise Refused("min_timeframe", str(error)) from error
        if request.webhook is not None:
            try:
                Webhook(request.webhook)
            except ConfigError as error:
                raise Refused("webhook", str(error)) from error

    async def _check_room(self, user_id: int) -> None:
        have = 0
        async for _, rule in self._all():
            have += rule.user_id == user_id
        if have >= self._most:
            raise Refused(
                "user_id", f"user {user_id} has {have} alert rules, the most that strategies.max_alerts allows"
            )

    async def _activate(self, id: str, rule: AlertRuleRequest) -> None:
        try:
            await self._registry.change(
                rule.strategy_id, lambda head: msgspec.structs.replace(head, is_alert_active=True)
            )
        except StrategyNotFound:  # deleted since it was looked at
            with suppress(RuleNotFound):
                await self.delete(id)
            raise

    async def _calm(self, strategy_id: int) -> None:
        async for _, rule in self._all():
            if rule.rule.strategy_id == strategy_id:
                return
        with suppress(StrategyNotFound):
            await self._registry.change(strategy_id, lambda head: msgspec.structs.replace(head, is_alert_active=False))

    async def _read(self, id: str) -> tuple[Record, StoredRule]:
        record = await read_one(self._records, RULE, id) if _ID.fullmatch(id) else None
        if record is None:
            raise RuleNotFound(id[:80])
        return record, _rule(record.data or b"")

    async def _change(self, id: str, change: Callable[[AlertRuleRequest], AlertRuleRequest]) -> AlertRuleRequest:
        """Answers what the rule was before."""
        async for _ in again(f"alert rule {id}"):
            record, before = await self._read(id)
            rule = change(before.rule)
            if rule == before.rule:
                return before.rule
            after = msgspec.structs.replace(before, rule=rule, changed_at=now_text())
            if await put_all(self._records, [msgspec.structs.replace(record, data=_encode(after))]):
                return before.rule
        raise AssertionError

    async def _all(self, after: str = "") -> AsyncIterator[tuple[str, StoredRule]]:
        while page := await scanned(self._records, RULE, after=after):
            for record in page:
                yield record.id, _rule(record.data or b"")
            after = page[-1].id

    async def _views(self, rules: Sequence[tuple[str, StoredRule]]) -> list[AlertRule]:
        if not rules:
            return []
        states = await self._records.read(STATE, [id for id, _ in rules])
        upcoming = await asyncio.gather(*(self._cadences.next(id) for id, _ in rules))
        found = []
        for (id, rule), record, at in zip(rules, states, upcoming, strict=True):
            state = RuleState() if record is None else _state(record.data or b"")
            found.append(
                AlertRule(
                    id=id,
                    rule=rule.rule,
                    user_id=rule.user_id,
                    schedule=schedule_of(id),
                    created_at=rule.created_at,
                    changed_at=rule.changed_at,
                    last_run_at=state.last_run_at,
                    last_trigger_at=state.last_trigger_at,
                    last_error=state.last_error,
                    next_run_at=at,
                )
            )
        return found

    async def list(
        self,
        *,
        cursor: str | None = None,
        limit: int = 50,
        strategy_id: int | None = None,
        user_id: int | None = None,
    ) -> AlertRulePage:
        """Rules by their ids. Raises ``Refused`` for a bad limit or cursor."""
        if not 1 <= limit <= MAX_PAGE:
            raise Refused("limit", f"it is {limit}; from 1 to {MAX_PAGE} can be asked for")
        if cursor is not None and not _ID.fullmatch(cursor):
            raise Refused("cursor", f"{cursor[:40]!r} was not given by this list")
        found: list[tuple[str, StoredRule]] = []
        async for id, rule in self._all(cursor or ""):
            if strategy_id in (None, rule.rule.strategy_id) and user_id in (None, rule.user_id):
                found.append((id, rule))
                if len(found) > limit:
                    break
        items = found[:limit]
        return AlertRulePage(items=await self._views(items), cursor=items[-1][0] if len(found) > limit else None)
