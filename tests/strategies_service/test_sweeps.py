"""Sweeps as jobs."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from abaca import App, JobCancelled, WorkflowHandle
from abaca_strategies.engine import Costs, Market, Rules, run_targets
from abaca_strategies.errors import (
    DataSetNotFound,
    Refused,
    StrategyNotFound,
    SweepNotFound,
    SymbolNotFound,
    VersionNotFound,
)
from abaca_strategies.flowmodels import SweepResult
from abaca_strategies.flows.terms import Part
from abaca_strategies.metrics import measure
from abaca_strategies.requests import BacktestRequest, CostFields, EditStrategyRequest, RuleFields, SweepRequest
from abaca_strategies.strategies import Strategies
from abaca_strategies.sweeps import walk_forward
from tests.strategies_service.authors import CROSS, TROUBLE
from tests.strategies_service.independent import figures_of, small, targets_of, whole

GRID: dict[str, list[Any]] = {"fast": [3, 5, 10, 15], "slow": [10, 20, 40]}
COSTS = RuleFields(costs=CostFields(fee_bps=5.0))
RULES = Rules(costs=Costs(fee_bps=5.0))
PATIENCE = 50.0


@pytest.fixture
async def working(prepared: None) -> AsyncIterator[Strategies]:
    app = App("memory://")
    service = Strategies(app)
    async with app, app.worker(queues=["strategies"], beat="200ms"):
        yield service


async def test_a_sweep_says_what_its_points_say_one_by_one(working: Strategies) -> None:
    # Given a strategy, costs, and a grid of eleven points
    made = await working.registry.create(name="cross", python_code=CROSS)
    request = SweepRequest(
        strategy_id=made.strategy_id,
        symbols=["SYN02", "SYN01"],
        end_date="2018-12-31",
        grid=GRID,
        constraints=["fast < slow"],
        require=["trades >= 60"],
        rules=COSTS,
    )
    # When it is swept
    handle = await working.sweeps.start(request)
    result = await handle.result(PATIENCE)
    # Then every point has the figures that the engine gives it alone
    data = whole("SYN02", "SYN01").between(None, "2018-12-31")
    points = [{"fast": fast, "slow": slow} for fast in GRID["fast"] for slow in GRID["slow"] if fast < slow]
    alone = [figures_of(CROSS, data, point, RULES) for point in points]
    assert (result.success, result.total, result.done, result.failed) == (True, len(points), len(points), 0)
    assert sorted(one.number for one in result.top) == list(range(len(points)))
    for one in result.top:
        assert one.params == points[one.number]
        assert one.score == one.figures["sharpe"]
        expected = alone[one.number]
        assert one.figures == pytest.approx({name: expected[name] for name in one.figures}, rel=1e-12)
    # And the best is the best of those that keep what is required
    ranked = sorted(
        (n for n, f in enumerate(alone) if (f["trades"] or 0) >= 60), key=lambda n: -(alone[n]["sharpe"] or 0)
    )
    assert result.best == result.top[0]
    assert [one.number for one in result.top if one.is_feasible] == ranked
    assert 0 < len(ranked) < len(points)
    # And the heat map has all of them
    heat = result.heat_map
    assert heat is not None
    assert (heat.x_name, heat.y_name, heat.x, heat.y) == ("fast", "slow", GRID["fast"], GRID["slow"])
    cells = {(x, y): z for y, row in zip(heat.y, heat.z, strict=True) for x, z in zip(heat.x, row, strict=True)}
    assert {place for place, z in cells.items() if z is not None} == {(one["fast"], one["slow"]) for one in points}
    # And it is kept as a run, and seen as such
    run = await working.runs.get(handle.id)
    assert (run.kind, run.success, run.figures["sharpe"]) == ("sweep", True, result.top[0].score)
    assert run.request["symbols"] == ["SYN02", "SYN01"]
    assert run.figures["deflated_sharpe"] == result.deflated_sharpe
    view = await working.sweeps.view(handle.id)
    assert (view.state, view.done, view.result) == ("completed", len(points), result)


async def test_a_walk_forward_judges_each_choice_on_bars_it_was_not_made_on(working: Strategies) -> None:
    # Given a sweep with three folds
    made = await working.registry.create(name="cross", python_code=CROSS)
    request = SweepRequest(
        strategy_id=made.strategy_id,
        symbols=["SYN01"],
        grid={"fast": [3, 5, 10], "slow": [20, 40]},
        objective="total_return",
        folds=3,
        gap=10,
    )
    # When it is swept
    result = await (await working.sweeps.start(request)).result(PATIENCE)
    # Then each fold's choice, and what became of it, are those of a computation by hand
    frame = whole("SYN01").frame("SYN01")
    points = [{"fast": fast, "slow": slow} for fast in (3, 5, 10) for slow in (20, 40)]
    assert (result.total, result.done, result.failed) == (24, 24, 0)
    scores = []
    for row, fold in zip(result.walk_forward, walk_forward(len(frame), 3, gap=10), strict=True):
        learn = whole("SYN01").between(frame.index[fold.train_start], frame.index[fold.train_end - 1])
        judge = whole("SYN01").between(frame.index[fold.test_start], frame.index[fold.test_end - 1])
        learned = [figures_of(CROSS, learn, point)["total_return"] or 0.0 for point in points]
        chosen = learned.index(max(learned))
        signals = targets_of(CROSS, whole("SYN01"), "SYN01", points[chosen])  # of all bars: the cross looks back only
        targets = signals[fold.test_start : fold.test_end, None]
        judged = measure(run_targets(Market.of(judge), targets)).figures.values
        assert row.params == points[chosen]
        assert row.train_score == pytest.approx(learned[chosen], rel=1e-12)
        assert row.test_score == pytest.approx(judged["total_return"], rel=1e-12)
        assert row.test_figures["sharpe"] == pytest.approx(judged["sharpe"], rel=1e-12)
        assert row.test_start[:10] == str(frame.index[fold.test_start])[:10]
        scores.append(judged["total_return"] or 0.0)
    assert result.out_of_sample == pytest.approx(sum(scores) / 3, rel=1e-12)


async def waiting_sweep(working: Strategies) -> tuple[WorkflowHandle[SweepResult], Part]:
    """A sweep whose first batch has ended, and whose others never do."""
    made = await working.registry.create(name="trouble", python_code=TROUBLE)
    points: list[dict[str, Any]] = [{"do": "trade", "at": 1}, {"do": "trade", "at": 2}]
    points += [{"do": "wait", "at": at} for at in range(14)]
    handle = await working.sweeps.start(
        SweepRequest(strategy_id=made.strategy_id, symbols=["SYN01"], points=points, objective="total_return")
    )
    async for outcome in working.app.group(handle.id).of(Part).results():
        assert outcome.value is not None
        return handle, outcome.value
    raise AssertionError


async def test_what_was_found_is_seen_while_it_goes_on_and_cancelling_ends_all_of_it(working: Strategies) -> None:
    # Given a sweep of which one batch of eight has ended
    handle, part = await waiting_sweep(working)
    # When it is looked at
    view = await working.sweeps.view(handle.id)
    # Then the best so far is there
    assert (view.state, view.total, view.done, view.failed, view.result) == ("running", 16, 2, 0, None)
    best = max(part.trials, key=lambda trial: trial.figures["total_return"] or 0.0)
    assert view.best is not None
    assert (view.best.number, view.best.score) == (best.number, best.figures["total_return"])
    assert len(view.top) == 2
    # When it is cancelled
    assert await handle.cancel()
    with pytest.raises(JobCancelled):
        await handle.result(PATIENCE)
    # Then nothing of it runs on, and slots are free again
    free = await working.backtest.enqueue(BacktestRequest(strategy_id=view.strategy_id, symbols=["SYN01"]))
    assert (await free.result(PATIENCE)).success
    assert {job.status.value async for job in handle.members()} == {"completed", "cancelled"}
    after = await working.sweeps.view(handle.id)
    assert (after.state, after.done, after.best) == ("cancelled", 2, view.best)


async def test_points_that_fail_are_marked_and_the_others_go_on(working: Strategies) -> None:
    # Given points of which one raises, one ends the interpreter, and one names a parameter that is not there
    made = await working.registry.create(name="trouble", python_code=TROUBLE)
    points: list[dict[str, Any]] = [
        {"at": 1},
        {"do": "raise"},
        {"at": 2},
        {"do": "exit"},
        {"at": 3},
        {"colour": "red"},
        {"at": 4},
    ]
    request = SweepRequest(strategy_id=made.strategy_id, symbols=["SYN01"], points=points, objective="total_return")
    # When they are swept
    result = await (await working.sweeps.start(request)).result(PATIENCE)
    # Then those three have no figures, and the others all have
    assert (result.success, result.total, result.done, result.failed) == (True, 7, 7, 3)
    assert sorted(one.number for one in result.top) == [0, 2, 4, 6]


async def test_a_strategy_that_cannot_be_run_is_a_finished_sweep(working: Strategies) -> None:
    # Given code that raises when it is loaded
    made = await working.registry.create(name="bad", python_code="def signals(df): return df.close\n1 / 0\n")
    # When it is swept
    handle = await working.sweeps.start(SweepRequest(strategy_id=made.strategy_id, grid={"a": list(range(20))}))
    result = await handle.result(PATIENCE)
    # Then it says why
    assert (result.success, result.done, result.failed, result.best) == (False, 20, 20, None)
    assert "ZeroDivisionError" in (result.error_message or "")
    assert not (await working.runs.get(handle.id)).success


async def test_what_changes_after_the_start_does_not_concern_a_sweep(prepared: None) -> None:
    # Given a sweep that was started while nothing works
    app = App("memory://")
    working = Strategies(app)
    async with app:
        made = await working.registry.create(name="cross", python_code=CROSS)
        first = await working.datasets.put(small())
        request = SweepRequest(strategy_id=made.strategy_id, dataset=first.name, grid={"fast": [4, 8]})
        handle = await working.sweeps.start(request)
        assert (await working.sweeps.view(handle.id)).state == "queued"
        # When the strategy gets a new version, and the name other data
        change = EditStrategyRequest(python_code=CROSS.replace(">", "<"))
        await working.registry.edit(made.strategy_id, change)
        await working.datasets.put(small(3, 400), replace=True)
        assert await working.runs.uses(first.digest)
        async with app.worker(queues=["strategies"]):
            result = await handle.result(PATIENCE)
    # Then it is about the version and the data that there were
    assert (result.version, result.data_hash) == (1, first.digest)
    assert result.best is not None
    assert result.best.figures["sharpe"] == figures_of(CROSS, small(), result.best.params)["sharpe"]


async def test_what_is_not_there_is_found_at_the_start(service: Strategies) -> None:
    # Given one strategy
    made = await service.registry.create(name="cross", python_code=CROSS)

    async def start(id: int, **fields: Any) -> object:
        return await service.sweeps.start(SweepRequest(strategy_id=id, grid={"fast": [1]}, **fields))

    # When something is asked for that is not there, Then it is said, and nothing is stored
    with pytest.raises(StrategyNotFound):
        await start(99)
    with pytest.raises(VersionNotFound):
        await start(made.strategy_id, version=2)
    with pytest.raises(DataSetNotFound):
        await start(made.strategy_id, dataset="nothing")
    with pytest.raises(SymbolNotFound):
        await start(made.strategy_id, symbols=["SYN01", "NONE"])
    with pytest.raises(Refused):
        await start(made.strategy_id, constraints=["fast > 5"])
    with pytest.raises(SweepNotFound):
        await service.sweeps.view("nothing")
    assert (await service.app.find()).jobs == []


async def test_a_request_made_in_python_is_read_as_one_in_json(working: Strategies) -> None:
    # Given a sweep whose span and rules are plain dicts
    made = await working.registry.create(name="cross", python_code=CROSS)
    space: Any = {"fast": {"low": 2, "high": 9}, "slow": [20]}
    rules: Any = {"costs": {"fee_bps": 5}}
    asked = SweepRequest(strategy_id=made.strategy_id, symbols=["SYN01"], random=space, count=3, rules=rules)
    # When it is started, Then it runs as if they were the structs that they stand for
    result = await (await working.sweeps.start(asked)).result(PATIENCE)
    assert (result.done, result.failed) == (3, 0)
    assert all(one.params["fast"] in range(2, 10) and one.figures["fees"] for one in result.top)


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"random": {"fast": {"low": 2}}}, "random[...]", "missing required field `high`"),
        ({"random": {"fast": {"low": 2, "top": 9}}}, "random[...]", "unknown field `top`"),
        ({"grid": {"fast": 5}}, "grid[...]", "Expected `array`, got `int`"),
        ({"grid": {"fast": range(3)}}, "request", "range"),
        ({"grid": {"fast": [1]}, "rules": {"cash": -1}}, "rules.cash", "> 0"),
    ],
)
async def test_what_does_not_fit_in_a_request_is_named(fields: Any, field: str, says: str) -> None:
    # Given a request with something that its field cannot be, When it is started, Then the field is named
    async with App("memory://") as app:
        with pytest.raises(Refused, match=re.escape(says)) as caught:
            await Strategies(app).sweeps.start(SweepRequest(strategy_id=1, **fields))
    assert caught.value.field == field


async def test_the_same_id_starts_one_sweep(service: Strategies) -> None:
    # Given a sweep that was started under an id
    made = await service.registry.create(name="cross", python_code=CROSS)
    request = SweepRequest(strategy_id=made.strategy_id, grid={"fast": [2, 4]})
    first = await service.sweeps.start(request, id="mine", owner="me")
    # When it is started again, and under another
    again, other = await service.sweeps.start(request, id="mine"), await service.sweeps.start(request, id="other")
    # Then the first one stands for the second
    assert first.id == again.id != other.id
    assert (await first.final.info()).spec.owner == "me"
    assert {job.spec.owner async for job in first.members()} == {"me"}
