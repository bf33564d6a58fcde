"""Look-ahead and warm-up checks as jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from abaca import App
from abaca_strategies.guards import look_ahead, signals_trace, warm_up
from abaca_strategies.requests import CheckRequest
from abaca_strategies.strategies import Strategies
from tests.strategies_service.authors import CROSS, PEEKING, TROUBLE
from tests.strategies_service.independent import whole

PATIENCE = 50.0


@pytest.fixture
async def working(prepared: None) -> AsyncIterator[Strategies]:
    app = App("memory://")
    service = Strategies(app)
    async with app, app.worker(queues=["strategies"]):
        yield service


async def test_a_strategy_that_peeks_is_caught_and_one_that_does_not_is_cleared(working: Strategies) -> None:
    # Given one that looks at the next bar, and one that looks back only
    peeking = await working.registry.create(name="peeking", python_code=PEEKING)
    cross = await working.registry.create(name="cross", python_code=CROSS)
    # When both are checked
    caught = await working.check.enqueue(CheckRequest(strategy_id=peeking.strategy_id, symbols=["SYN01"]))
    cleared = await working.check.enqueue(CheckRequest(strategy_id=cross.strategy_id, symbols=["SYN01"], cuts=12))
    bad, good = await caught.result(PATIENCE), await cleared.result(PATIENCE)
    # Then both checks went well, and say what the guards say here
    names: dict[str, object] = {}
    exec(PEEKING, names)  # noqa: S102 - the tests' own text
    expected = look_ahead(signals_trace(names["signals"]), whole("SYN01"))  # type: ignore[arg-type]
    assert (bad.success, bad.looks_ahead, bad.differences_total) == (True, True, len(expected.differences))
    assert [(one.ticker, one.whole, one.seen) for one in bad.differences] == [
        (one.ticker, one.whole, one.seen) for one in expected.differences
    ]
    assert (good.success, good.looks_ahead, good.cuts, good.differences) == (True, False, 12, [])
    assert good.decisions == 2_520
    exec(CROSS, names)  # noqa: S102
    warm = warm_up(names["signals"], whole("SYN01"), {"fast": 5, "slow": 20})  # type: ignore[arg-type]
    assert (good.warm_up_needed, good.warm_up_early) == (warm.needed, warm.early) == (19, 0)
    # And both are kept as runs
    runs = {run.job_id: run for run in (await working.runs.list(kind="check")).items}
    assert runs[caught.id].figures["differences"] == float(len(expected.differences))
    assert (runs[cleared.id].success, runs[cleared.id].data_hash) == (True, good.data_hash)


async def test_what_cannot_be_checked_says_why(working: Strategies) -> None:
    # Given one that raises, and one that is not there
    made = await working.registry.create(name="trouble", python_code=TROUBLE)
    request = CheckRequest(strategy_id=made.strategy_id, params={"do": "raise"})
    # When they are checked
    raising = await (await working.check.enqueue(request)).result(PATIENCE)
    missing = await (await working.check.enqueue(CheckRequest(strategy_id=99))).result(PATIENCE)
    # Then the jobs have completed with the reason
    assert not raising.success
    assert "no luck" in (raising.error_message or "")
    assert (missing.success, missing.looks_ahead) == (False, False)
    assert "no strategy 99" in (missing.error_message or "")
