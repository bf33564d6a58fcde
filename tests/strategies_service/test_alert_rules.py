"""Alert rules and what they leave in the store, on every store; nothing is evaluated here."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from abaca import App, ScheduleNotFound
from abaca.backends.memory import MemoryBackend
from abaca.clock import ManualClock
from abaca_strategies.errors import (
    Conflict,
    DataSetNotFound,
    Refused,
    RuleNotFound,
    StrategyNotFound,
    SymbolNotFound,
    VersionNotFound,
)
from abaca_strategies.flowmodels import AlertEvent
from abaca_strategies.registry.alerts import Alerts
from abaca_strategies.registry.triggers import Note, Triggers, trigger_id
from abaca_strategies.requests import AlertRuleRequest, EditStrategyRequest
from abaca_strategies.strategies import Strategies
from tests.strategies_service.markets import HIGH

URL = "https://hooks.example.org/alerts"


def rule(**given: Any) -> AlertRuleRequest:
    cadence = {} if "cron" in given else {"every": "1h"}
    return AlertRuleRequest(**{"strategy_id": 1, **cadence, **given})


@pytest.fixture
async def alerts(service: Strategies) -> Alerts:
    """With one strategy, of id 1."""
    await service.registry.create(name="high", python_code=HIGH)
    return service.alerts


async def test_a_rule_is_kept_with_a_schedule_of_its_own(alerts: Alerts, service: Strategies) -> None:
    # When a rule is made
    made = await alerts.create(rule(name="up", webhook=URL, cron="0 18 * * 1-5", tz="Europe/Berlin"), user_id=7)
    # Then it is read as it was given, and its schedule is there
    assert await alerts.get(made.id) == made
    assert (made.rule.name, made.user_id, made.last_run_at, made.last_trigger_at) == ("up", 7, None, None)
    schedule = await service.app.schedules.get(made.schedule)
    assert (schedule.job.task, schedule.overlap, schedule.missed) == ("strategies.alert", "skip", "once")
    assert made.next_run_at is not None
    # And its strategy is one with alerts
    assert (await service.registry.head(1)).is_alert_active


async def test_making_the_same_rule_again_is_the_same_rule(alerts: Alerts) -> None:
    # Given a rule with an id of the caller's
    made = await alerts.create(rule(name="mine"), id="mine")
    # Then the same again answers it, and another with that id is refused and changes nothing
    assert await alerts.create(rule(name="mine"), id="mine") == made
    with pytest.raises(Conflict):
        await alerts.create(rule(name="mine", every="1s"), id="mine")
    assert await alerts.get("mine") == made
    assert [one.id for one in (await alerts.list()).items] == ["mine"]


@pytest.mark.parametrize(
    ("given", "error", "field"),
    [
        ({"strategy_id": 9}, StrategyNotFound, None),
        ({"version": 3}, VersionNotFound, None),
        ({"dataset": "none"}, DataSetNotFound, None),
        ({"universe": ["SYN01", "ZZZ"]}, SymbolNotFound, None),
        ({"min_timeframe": "90"}, Refused, "min_timeframe"),
        ({"every": "often"}, Refused, "every"),
        ({"every": "10ms"}, Refused, "every"),
        ({"cron": "61 * * * *"}, Refused, "cron"),
        ({"cron": "0 0 * * *", "tz": "Mars/Base"}, Refused, "cron"),
        ({"webhook": "ftp://example.org"}, Refused, "webhook"),
        ({"webhook": "http://user:word@example.org"}, Refused, "webhook"),
    ],
)
async def test_what_cannot_be_used_makes_no_rule_and_no_schedule(
    alerts: Alerts, service: Strategies, given: dict[str, Any], error: type[Exception], field: str | None
) -> None:
    # When a rule names something that is not there, or that cannot be used
    with pytest.raises(error) as met:
        await alerts.create(rule(**given), id="mine")
    # Then the error names it, and nothing is left behind
    assert getattr(met.value, "field", None) == field
    with pytest.raises(RuleNotFound):
        await alerts.get("mine")
    with pytest.raises(ScheduleNotFound):
        await service.app.schedules.get("strategies.alert.mine")


def test_a_rule_has_exactly_one_cadence() -> None:
    neither_nor_both: list[dict[str, Any]] = [{}, {"every": "1h", "cron": "* * * * *"}]
    for given in neither_nor_both:
        with pytest.raises(ValueError, match="exactly one of every and cron"):
            AlertRuleRequest(strategy_id=1, **given)


async def test_a_rule_is_replaced_muted_and_deleted(alerts: Alerts, service: Strategies) -> None:
    # Given a rule
    await alerts.create(rule(name="first"), id="mine")
    # When it is replaced and muted
    second = await alerts.replace("mine", rule(name="second", every="2h", threshold=0.5))
    muted = await alerts.mute("mine", True)
    # Then it is the new one, at the new distance
    assert (second.rule.name, second.rule.threshold, muted.rule.is_muted) == ("second", 0.5, True)
    first, then = await service.app.schedules.preview("strategies.alert.mine", 2)
    assert (then - first).total_seconds() == 7200
    with pytest.raises(Refused):
        await alerts.replace("mine", rule(every="never"))
    assert (await alerts.get("mine")).rule == muted.rule
    # And when it is deleted, its schedule goes, and its strategy has no alerts
    await alerts.delete("mine")
    assert [one.id for one in await service.app.schedules.all() if one.id.startswith("strategies.alert")] == []
    assert not (await service.registry.head(1)).is_alert_active
    for call in (alerts.get("mine"), alerts.delete("mine"), alerts.mute("mine", True), alerts.test("mine")):
        with pytest.raises(RuleNotFound):
            await call
    with pytest.raises(RuleNotFound):
        await alerts.replace("mine", rule())


async def test_rules_are_listed_page_by_page_and_by_strategy(alerts: Alerts, service: Strategies) -> None:
    # Given five rules of one strategy, and one of another
    await service.registry.create(name="other", python_code=HIGH)
    for number in range(5):
        await alerts.create(rule(), id=f"r{number}")
    await alerts.create(rule(strategy_id=2), id="r2b", user_id=3)
    # When they are listed two by two
    found, cursor = list[str](), None
    while True:
        page = await alerts.list(limit=2, strategy_id=1, cursor=cursor)
        found += [one.id for one in page.items]
        if (cursor := page.cursor) is None:
            break
    # Then each of that strategy is there once
    assert found == ["r0", "r1", "r2", "r3", "r4"]
    assert [one.id for one in (await alerts.list(user_id=3)).items] == ["r2b"]
    bads: list[dict[str, Any]] = [{"limit": 0}, {"cursor": "no/cursor"}]
    for bad in bads:
        with pytest.raises(Refused):
            await alerts.list(**bad)


async def test_a_user_has_no_more_rules_than_the_setting_says(service: Strategies) -> None:
    await service.registry.create(name="high", python_code=HIGH)
    few = Alerts(service.app, service.registry, lambda: service.datasets, service.alert, keep=60, most=2)
    for number in range(2):
        await few.create(rule(), id=f"r{number}")
    with pytest.raises(Refused, match="max_alerts"):
        await few.create(rule())
    assert (await few.create(rule(), id="r1")).id == "r1"
    assert (await few.create(rule(), user_id=1)).user_id == 1


async def test_a_strategy_that_is_deleted_takes_its_rules_and_leaves_the_history(
    alerts: Alerts, service: Strategies
) -> None:
    # Given a strategy with two rules, of which one has found something, and a strategy beside it
    await service.registry.create(name="other", python_code=HIGH)
    for id, strategy in (("a", 1), ("b", 1), ("c", 2)):
        await alerts.create(rule(strategy_id=strategy), id=id)
    await alerts.triggers.note(event("AAA", "2024-01-03"), ("a", rule()))
    # When the strategy is deleted
    await service.registry.delete(1)
    # Then its rules and their schedules are gone, and what they found is still told
    assert [one.id for one in (await alerts.list()).items] == ["c"]
    names = [one.id for one in await service.app.schedules.all() if one.id.startswith("strategies.alert.")]
    assert names == ["strategies.alert.c"]
    assert [one.ticker for one in (await alerts.history(rule_id="a")).items] == ["AAA"]


async def test_a_schedule_that_a_rule_lacks_is_made_by_the_hourly_job(alerts: Alerts, service: Strategies) -> None:
    # Given a rule whose schedule somebody deleted
    await alerts.create(rule(), id="mine")
    await service.app.schedules.delete("strategies.alert.mine")
    assert (await alerts.get("mine")).next_run_at is None
    # When the hourly job looks
    await alerts.mend()
    # Then it is there again
    assert (await alerts.get("mine")).next_run_at is not None


async def test_an_edit_of_the_strategy_gives_the_defaults_of_a_rule(alerts: Alerts, service: Strategies) -> None:
    # Given a strategy whose universe of alerts has a ticker that its data do not have
    await service.registry.edit(1, EditStrategyRequest(alert_universe=["ZZZ"]))
    # Then a rule without a universe is refused for it, and one with a universe is not
    with pytest.raises(SymbolNotFound):
        await alerts.create(rule())
    await alerts.create(rule(universe=["SYN01"]))


def event(ticker: str, day: str, job: str = "j", **more: Any) -> AlertEvent:
    return AlertEvent(
        strategy_id=1,
        version=1,
        ticker=ticker,
        bucket=f"{day}T00:00:00Z",
        timestamp=0,
        score=1.0,
        triggered_at=f"{day}T12:00:00.{len(ticker):06d}Z",
        job_id=job,
        **more,
    )


async def test_many_that_find_the_same_at_once_make_one_trigger(alerts: Alerts) -> None:
    # Given two rules, of which one tells a webhook
    triggers, telling = alerts.triggers, rule(webhook=URL)
    # When twenty evaluations of them find the same bar at the same time
    found = await asyncio.gather(
        *(
            triggers.note(event("AAA", "2024-01-03", f"job{n}"), (f"r{n % 2}", telling if n % 2 else rule()))
            for n in range(20)
        )
    )
    # Then there is one trigger, found by one of them, with a notice for each rule
    assert len({one.job_id for one in found}) == 1
    (kept,) = (await alerts.history()).items
    assert kept.rules == {"r0": "kept", "r1": "pending"}
    assert len((await alerts.history(strategy_id=1)).items) == 1
    assert [len((await alerts.history(rule_id=id)).items) for id in ("r0", "r1", "r2")] == [1, 1, 0]
    # And there is one thing to tell, which is told once
    (note,) = await triggers.notes("r1")
    await asyncio.gather(*(triggers.settle(note, "sent") for _ in range(5)))
    assert (await triggers.notes("r1"), await triggers.notes("r0")) == ([], [])
    assert (await alerts.history()).items[0].rules == {"r0": "kept", "r1": "sent"}


async def test_buckets_tickers_and_timeframes_are_told_apart(alerts: Alerts) -> None:
    # When one rule finds different things, some of them again
    for day in ("2024-01-03", "2024-01-04"):
        for ticker in ("AAA", "A/A", "AAA"):
            await alerts.triggers.note(event(ticker, day), ("r", rule()))
    await alerts.triggers.note(event("AAA", "2024-01-03", timeframe="4h"), ("r", rule()))
    # Then each is one
    found = (await alerts.history(rule_id="r")).items
    keys = [(one.ticker, one.bucket[:10], one.timeframe) for one in found]
    assert len(keys) == len(set(keys)) == 5


async def test_muting_and_cooldown_decide_once_and_for_good(alerts: Alerts) -> None:
    # Given a rule with a cooldown
    triggers, calm = alerts.triggers, rule(webhook=URL, cooldown_seconds=3600)
    # When it finds a ticker in two buckets, and another ticker
    first = await triggers.note(event("AAA", "2024-01-03"), ("r", calm))
    second = await triggers.note(event("AAA", "2024-01-04"), ("r", calm))
    other = await triggers.note(event("BBB", "2024-01-04"), ("r", calm))
    # Then the second bucket of the same ticker is not to be told
    assert [one.rules["r"] for one in (first, second, other)] == ["pending", "cooldown", "pending"]
    # And what a muted rule found stays untold when it is found again by the rule that speaks
    muted = await triggers.note(event("CCC", "2024-01-04"), ("r", rule(webhook=URL, is_muted=True)))
    again = await triggers.note(event("CCC", "2024-01-04"), ("r", rule(webhook=URL)))
    assert (muted.rules, again.rules) == ({"r": "muted"}, {"r": "muted"})


async def test_a_cooldown_ends_by_the_clock_of_the_store() -> None:
    # Given a rule that told of a ticker, and is silent for an hour
    clock = ManualClock()
    triggers, calm = (
        Triggers(App(backend=MemoryBackend(clock)).records, keep=86_400),
        rule(webhook=URL, cooldown_seconds=3600),
    )
    await triggers.note(event("AAA", "2024-01-03"), ("r", calm))
    # Then it is silent before, and speaks after
    clock.advance(3500)
    before = await triggers.note(event("AAA", "2024-01-04"), ("r", calm))
    clock.advance(200)
    after = await triggers.note(event("AAA", "2024-01-05"), ("r", calm))
    assert (before.rules, after.rules) == ({"r": "cooldown"}, {"r": "pending"})


async def test_a_trigger_that_is_found_again_stays_and_one_that_is_not_goes() -> None:
    # Given two triggers that are kept for four hours, and one that is found again each hour
    clock = ManualClock()
    triggers = Triggers(App(backend=MemoryBackend(clock)).records, keep=4 * 3600)
    for hour in range(12):
        at = f"2024-01-03T{hour:02d}:30:00Z"
        found = msgspec.structs.replace(event("AAA", "2024-01-03", f"j{hour}"), triggered_at=at)
        kept = await triggers.note(found, None)
        if hour == 0:
            await triggers.note(msgspec.structs.replace(found, ticker="BBB"), None)
        clock.advance(3600)
        # Then it stays the one that was found first
        assert kept.job_id == "j0"
    assert await triggers.event(Note(rule_id="r", trigger=trigger_id(event("BBB", "2024-01-03")))) is None


async def test_the_history_is_paged_newest_first_and_by_ticker(alerts: Alerts) -> None:
    # Given triggers of two tickers on nine days
    for day in range(1, 10):
        for ticker in ("AA", "BBB"):
            await alerts.triggers.note(event(ticker, f"2024-01-{day:02d}"), ("r", rule()))
    # When the history of one ticker is read four by four
    days, cursor = list[str](), None
    while True:
        page = await alerts.history(ticker="AA", limit=4, cursor=cursor)
        days += [one.bucket[8:10] for one in page.items]
        if (cursor := page.cursor) is None:
            break
    # Then each is there once, the newest first
    assert days == [f"{day:02d}" for day in range(9, 0, -1)]
    assert len((await alerts.history(rule_id="r", limit=200)).items) == 18
    assert (await alerts.history(strategy_id=2)).items == []
    bads: list[dict[str, Any]] = [{"limit": 201}, {"cursor": "nonsense"}]
    for bad in bads:
        with pytest.raises(Refused):
            await alerts.history(**bad)
