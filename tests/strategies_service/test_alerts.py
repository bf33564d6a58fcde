"""Alert rules as they are evaluated: in the sandbox, by schedules on a clock that the test moves, told to a webhook."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from abaca import App
from abaca.testing.bench import BenchClock, BenchStore
from abaca.worker.ticker import Ticker
from abaca_strategies.errors import RuleNotFound
from abaca_strategies.flowmodels import AlertEvent
from abaca_strategies.models import AlertResult
from abaca_strategies.registry.triggers import Note
from abaca_strategies.requests import AlertRequest, AlertRuleRequest, EditStrategyRequest
from abaca_strategies.strategies import Strategies
from abaca_strategies.tasks import alerting
from tests.receiver import Receiver, receiving
from tests.strategies_service.markets import BROKEN, HIGH, LAST, market
from tests.worker.harness import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
CLOCK = BenchClock()
FIRST = {"AAA": [10, 20, 80], "BBB": [90, 90, 20], "CCC": [10, 10, 60]}
NEXT = {"AAA": [10, 20, 80, 81], "BBB": [90, 90, 20, 20], "CCC": [10, 10, 60, 10]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def working(prepared: None) -> AsyncIterator[Strategies]:
    """A worker that may reach this machine. Schedules fire when the clock is moved, and at no other time."""
    app = App(backend=BenchStore(CLOCK), plugins=["strategies"], poll_interval=0.05)
    async with app, app.worker(queues=["strategies"], webhook_allow=["127.0.0.0/8"]):
        yield Strategies.of(app)


@pytest_asyncio.fixture(loop_scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def strategy(service: Strategies, code: str = HIGH) -> int:
    """A new one. Its data, under its own name, are ``FIRST``."""
    made = await service.registry.create(name="s", python_code=code)
    await fed(service, made.strategy_id, FIRST)
    return made.strategy_id


async def fed(service: Strategies, id: int, closes: dict[str, list[int]]) -> None:
    await service.datasets.put(market(f"of-{id}", closes), replace=True)


def rule(id: int, **given: Any) -> AlertRuleRequest:
    return AlertRuleRequest(**{"strategy_id": id, "dataset": f"of-{id}", "every": "365d", **given})


async def evaluated(service: Strategies, id: int, rule_id: str | None = None, **given: Any) -> AlertResult:
    handle = await service.alert.enqueue(AlertRequest(strategy_id=id, rule_id=rule_id, **given))
    return await handle.result(timeout=50)


def told(receiver: Receiver) -> list[tuple[str, str]]:
    """Ticker and bucket of each notice that came."""
    notices = [json.loads(request.body)["job"]["result"] for request in receiver.requests]
    return sorted((event["ticker"], event["bucket"][:10]) for notice in notices for event in notice["events"])


async def test_a_rule_tells_each_ticker_once_for_each_bucket(working: Strategies, receiver: Receiver) -> None:
    # Given a rule over three tickers, of which two are high at the newest bar
    id = await strategy(working)
    made = await working.alerts.create(rule(id, webhook=receiver.url))
    # When it is evaluated twice on the same data, and again when a day has come
    first, again = await evaluated(working, id, made.id), await evaluated(working, id, made.id)
    await receiver.has(2)
    await fed(working, id, NEXT)
    third = await evaluated(working, id, made.id)
    await receiver.has(3)
    # Then each ticker is told once for each bar
    assert [(one.ticker, one.is_new, one.notice) for one in first.triggers] == [
        ("AAA", True, "sent"),
        ("CCC", True, "sent"),
    ]
    assert [(one.ticker, one.is_new, one.notice) for one in again.triggers] == [
        ("AAA", False, "sent"),
        ("CCC", False, "sent"),
    ]
    assert [(one.ticker, one.bucket) for one in third.triggers] == [("AAA", "2024-01-04T00:00:00Z")]
    assert told(receiver) == [("AAA", "2024-01-03"), ("AAA", "2024-01-04"), ("CCC", "2024-01-03")]
    # And the history, the rule and the strategy say so
    history = await working.alerts.history(rule_id=made.id)
    assert [one.bucket[:10] for one in history.items] == ["2024-01-04", "2024-01-03", "2024-01-03"]
    view = await working.alerts.get(made.id)
    assert (view.last_error, view.last_run_at is not None) == (None, True)
    head = await working.registry.head(id)
    assert head.alert_last_trigger_at == history.items[0].triggered_at
    # And only what found something new is listed as a run
    assert len((await working.runs.list(kind="alert", strategy_id=id)).items) == 2


async def test_evaluations_of_the_same_bar_at_once_tell_it_once(working: Strategies, receiver: Receiver) -> None:
    # Given a rule that two workers' jobs evaluate at the same time
    id = await strategy(working)
    made = await working.alerts.create(rule(id, webhook=receiver.url))
    results = await asyncio.gather(*(evaluated(working, id, made.id) for _ in range(4)))
    await receiver.has(2)
    # Then each trigger was found by one of them
    new = [trigger.ticker for result in results for trigger in result.triggers if trigger.is_new]
    assert sorted(new) == ["AAA", "CCC"]
    # And each was told once: what comes after is the notice of a test
    await (await working.alerts.test(made.id)).result(timeout=50)
    await receiver.has(3)
    assert len(receiver.requests) == 3


async def test_a_notice_outlives_a_crash_between_the_trigger_and_its_telling(
    working: Strategies, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an evaluation that dies when it has kept a trigger and not yet told of it
    id = await strategy(working)
    made = await working.alerts.create(rule(id, webhook=receiver.url))

    async def dies(*_: Any) -> Any:
        raise RuntimeError("the machine is gone")

    with monkeypatch.context() as patched:
        patched.setattr(alerting, "tell", dies)
        handle = await working.alert.enqueue(AlertRequest(strategy_id=id, rule_id=made.id))

        async def is_kept() -> bool:
            return len(await working.alerts.triggers.notes(made.id)) == 2

        await until(is_kept, "the triggers were kept")
        await handle.cancel()
    assert [one.rules[made.id] for one in (await working.alerts.history(rule_id=made.id)).items] == ["pending"] * 2
    # When data have moved on, so that the trigger is not found again, and the rule is evaluated
    await fed(working, id, {ticker: [*closes, 10, 10] for ticker, closes in FIRST.items()})
    assert (await evaluated(working, id, made.id)).triggers == []
    # Then what was kept is told
    await receiver.has(2)
    assert told(receiver) == [("AAA", "2024-01-03"), ("CCC", "2024-01-03")]
    assert await working.alerts.triggers.notes(made.id) == []


async def test_telling_twice_makes_one_notice(working: Strategies, receiver: Receiver) -> None:
    # Given a note whose job was made, and which was not crossed out
    id = await strategy(working)
    await fed(working, id, {"AAA": [10, 10, 10]})
    made = await working.alerts.create(rule(id, webhook=receiver.url))
    found = AlertEvent(
        strategy_id=id,
        version=1,
        ticker="AAA",
        bucket="2024-01-03T00:00:00Z",
        timestamp=0,
        triggered_at="2024-01-03T12:00:00Z",
    )
    await working.alerts.triggers.note(found, (made.id, made.rule))
    (note,) = await working.alerts.triggers.notes(made.id)
    settled: list[Note] = []

    async def settle(note: Note, notice: str) -> None:
        settled.append(note)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(working.alerts.triggers, "settle", settle)
        await evaluated(working, id, made.id)
    # When the next evaluation tells it again
    await receiver.has(1)
    await evaluated(working, id, made.id)
    await (await working.alerts.test(made.id)).result(timeout=50)
    await receiver.has(2)
    # Then one notice came, before that of the test
    assert settled == [note]
    assert told(receiver)[0] == ("AAA", "2024-01-03")
    assert len(receiver.requests) == 2


async def test_a_test_fire_keeps_nothing_and_says_that_it_is_one(working: Strategies, receiver: Receiver) -> None:
    # When a rule is tested
    id = await strategy(working)
    made = await working.alerts.create(rule(id, webhook=receiver.url))
    result = await (await working.alerts.test(made.id)).result(timeout=50)
    (request,) = await receiver.has(1)
    # Then what it would find is answered, and told as a test
    assert (result.is_test, [one.ticker for one in result.triggers]) == (True, ["AAA", "CCC"])
    notice = json.loads(request.body)["job"]["result"]
    assert (notice["is_test"], [one["ticker"] for one in notice["events"]]) == (True, ["AAA", "CCC"])
    # And nothing is kept but the run
    assert (await working.alerts.history(rule_id=made.id)).items == []
    assert await working.alerts.get(made.id) == made
    assert len((await working.runs.list(kind="alert", strategy_id=id)).items) == 1
    # And the evaluation that comes after finds it as if there had been no test
    assert [one.is_new for one in (await evaluated(working, id, made.id)).triggers] == [True, True]


async def test_thresholds_buckets_and_versions_are_the_rules_or_the_strategys(working: Strategies) -> None:
    # Given a strategy whose scores are hundredths of closes, with defaults for its alerts
    id = await strategy(working, LAST)
    asked: dict[str, Any] = {"dataset": f"of-{id}", "is_test": True}

    async def tickers(**given: Any) -> list[str]:
        return [one.ticker for one in (await evaluated(working, id, **asked, **given)).triggers]

    # Then without a threshold what lies above 0 fires, and with one what reaches it
    assert await tickers() == ["AAA", "BBB", "CCC"]
    assert await tickers(threshold=0.6) == ["AAA", "CCC"]
    await working.registry.edit(id, EditStrategyRequest(alert_threshold=0.7, alert_universe=["AAA", "CCC"]))
    assert await tickers() == ["AAA"]
    assert await tickers(symbols=["BBB"], threshold=0.1) == ["BBB"]
    # And the bucket is the bar of the timeframe
    weekly = await evaluated(working, id, **asked, min_timeframe="1w")
    assert [one.bucket for one in weekly.triggers] == ["2024-01-01T00:00:00Z"]
    # And a rule's version is run though there is a newer one
    await working.registry.edit(id, EditStrategyRequest(python_code=BROKEN))
    assert await tickers(version=1) == ["AAA"]
    broken = await evaluated(working, id, **asked)
    assert (broken.success, "no idea" in (broken.error_message or "")) == (False, True)


async def test_a_schedule_evaluates_by_the_clock_and_makes_up_for_what_was_missed_as_the_rule_says(
    working: Strategies,
) -> None:
    # Given a rule of every hour that makes up for what was missed once, and one that leaves it out
    id = await strategy(working)
    once = await working.alerts.create(rule(id, every="1h"))
    skip = await working.alerts.create(rule(id, every="1h", missed="skip"))
    # When five hours and a half pass at once, in which nobody was there
    CLOCK.advance("5h")
    CLOCK.advance("30m")
    await Ticker(await working.app.backend(), lambda: ()).fire()
    made = [(await working.app.schedules.runs(one.schedule)).jobs for one in (once, skip)]
    # Then the first was evaluated once, and found what there is
    assert [len(jobs) for jobs in made] == [1, 0]
    result = await working.app.job(made[0][0].id).result(timeout=50)
    assert result["success"] is True
    assert len((await working.alerts.history(rule_id=once.id)).items) == 2
    assert (await working.alerts.get(once.id)).last_run_at is not None
    for one in (once, skip):
        await working.alerts.delete(one.id)


async def test_a_muted_rule_and_a_strategy_that_is_off_tell_nobody(working: Strategies, receiver: Receiver) -> None:
    # Given a rule that is muted, and one whose strategy is switched off
    id, off = await strategy(working), await strategy(working)
    muted = await working.alerts.create(rule(id, webhook=receiver.url, is_muted=True))
    silent = await working.alerts.create(rule(off, webhook=receiver.url))
    await working.registry.edit(off, EditStrategyRequest(is_alert_active=False))
    # When both are evaluated
    result, nothing = await evaluated(working, id, muted.id), await evaluated(working, off, silent.id)
    # Then one keeps what it found, and the other looks at nothing
    assert [one.notice for one in result.triggers] == ["muted", "muted"]
    assert (nothing.success, nothing.triggers, nothing.evaluated) == (True, [], 0)
    assert "isAlertActive" in nothing.warnings[0]
    assert receiver.requests == []


async def test_what_fails_is_the_rules_last_error_until_it_goes_well(working: Strategies) -> None:
    # Given a rule whose data go
    id = await strategy(working)
    made = await working.alerts.create(rule(id))
    await working.datasets.delete(f"of-{id}")
    # Then its evaluation says so, and the rule stays
    assert not (await evaluated(working, id, made.id)).success
    assert f"no data set of-{id}" in ((await working.alerts.get(made.id)).last_error or "")
    await fed(working, id, FIRST)
    assert (await evaluated(working, id, made.id)).success
    assert (await working.alerts.get(made.id)).last_error is None


async def test_a_schedule_whose_rule_or_strategy_is_gone_ends_itself(working: Strategies) -> None:
    # Given a rule whose strategy was deleted by a process that died before it came to the rule
    id = await strategy(working)
    made = await working.alerts.create(rule(id))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(working.registry, "_when_deleted", [])
        await working.registry.delete(id)
    # When its schedule fires
    gone = await (await working.app.schedules.run_now(made.schedule)).result(timeout=50)
    # Then the rule and its schedule are gone
    assert gone["success"] is False
    with pytest.raises(RuleNotFound):
        await working.alerts.get(made.id)
    assert made.schedule not in {one.id for one in await working.app.schedules.all()}
    # And an evaluation that is left over says that there is no such rule
    late = await evaluated(working, id, made.id)
    assert "no alert rule" in (late.error_message or "")
