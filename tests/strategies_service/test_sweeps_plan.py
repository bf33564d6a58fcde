"""Which runs a sweep consists of, what is refused at its start, and what its runs say together."""

from __future__ import annotations

from typing import Any

import pytest

from abaca import App
from abaca_strategies.data import DataSet
from abaca_strategies.errors import Refused
from abaca_strategies.flows.planning import kept_figures, plan
from abaca_strategies.flows.reducing import Found
from abaca_strategies.flows.terms import Part, Sweep, Terms, Trial, per_batch
from abaca_strategies.metrics import deflated_sharpe, expected_best_sharpe, measure
from abaca_strategies.metrics.names import FIGURES
from abaca_strategies.metrics.returns import returns_of
from abaca_strategies.requests import RuleFields, SpanFields, SweepRequest
from abaca_strategies.strategies import Strategies
from abaca_strategies.sweeps import deflated_sharpe_of
from tests.strategies_service.authors import CROSS
from tests.strategies_service.independent import figures_of, run_of, small

GRID: dict[str, list[Any]] = {"fast": [5, 10, 20], "slow": [10, 20, 40]}


def asked(**fields: Any) -> SweepRequest:
    if not {"grid", "random", "points"} & set(fields):
        fields["grid"] = GRID
    return SweepRequest(strategy_id=1, **fields)


@pytest.fixture(scope="module")
def data() -> DataSet:
    return small()


def test_runs_count_through_the_points_and_then_through_those_of_each_fold(data: DataSet) -> None:
    # Given a grid with a constraint and two folds, When it is planned
    planned = plan(asked(constraints=["fast < slow"], folds=2, train=0.5), data)
    # Then six points are run over all bars, and again over the training bars of each fold
    points = [run.params for run in planned.runs[:6]]
    assert points[0] == {"fast": 5, "slow": 10}
    assert all(point["fast"] < point["slow"] for point in points)
    assert [run.number for run in planned.runs] == list(range(18))
    assert [run.params for run in planned.runs[6:12]] == points == [run.params for run in planned.runs[12:]]
    assert {run.bars for run in planned.runs[:6]} == {None}
    assert (
        [fold.train for fold in planned.folds]
        == [planned.runs[6].bars, planned.runs[12].bars]
        == [(0, 100), (100, 200)]
    )
    # And folds say when they begin and end
    assert [fold.test for fold in planned.folds] == [(100, 200), (200, 300)]
    times = data.frame("SYN01").index
    assert planned.folds[1].test_end[:10] == str(times[-1])[:10]


def test_points_come_from_a_seed_or_a_list(data: DataSet) -> None:
    # Given spans to draw from, and a list
    space: Any = {"fast": SpanFields(low=2, high=4), "kind": ["a"]}
    # When they are planned
    drawn, again = plan(asked(random=space, count=9, seed=7), data), plan(asked(random=space, count=9, seed=7), data)
    listed = plan(asked(points=[{"fast": 9}, {"fast": 3}], params={"slow": 5}, constraints=["fast < slow"]), data)
    # Then the same seed gives the same points, fewer where there are no more, which is said
    assert drawn.runs == again.runs
    assert sorted(run.params["fast"] for run in drawn.runs) == [2, 3, 4]
    assert drawn.warnings
    # And a constraint looks at what all points share as well
    assert [run.params for run in listed.runs] == [{"fast": 3}]


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("constraints", {"constraints": ["fast << slow"]}),
        ("constraints", {"constraints": ["fast < medium"]}),
        ("constraints", {"constraints": ["fast > 1000"]}),
        ("constraints", {"grid": {"a": ["x", 1], "b": [2]}, "constraints": ["a < b"]}),
        ("objective", {"objective": "beauty"}),
        ("require", {"require": ["beauty > 3"]}),
        ("require", {"require": ["trades"]}),
        ("grid", {"grid": {"a": list(range(101)), "b": list(range(100))}}),
        ("random", {"random": {"a": SpanFields(low=3, high=1)}}),
        ("rules", {"rules": RuleFields(maintenance=0.9, margin=0.5)}),
        ("folds", {"folds": 50, "gap": 290}),
        ("folds", {"grid": {"a": list(range(100)), "b": list(range(100))}, "folds": 10}),
        ("dataset", {"start_date": "2050-01-01"}),
        ("dataset", {"timeframe": "1"}),
    ],
)
def test_what_cannot_be_run_is_refused_by_field(data: DataSet, field: str, fields: dict[str, Any]) -> None:
    # Given a request with one thing wrong, When it is planned
    with pytest.raises(Refused) as caught:
        plan(asked(**fields), data)
    # Then the field is named
    assert caught.value.field == field


@pytest.mark.parametrize(("total", "size", "batches"), [(1, 1, 1), (16, 2, 8), (100, 4, 25), (1_000, 16, 63)])
def test_batches_are_few_and_small(total: int, size: int, batches: int) -> None:
    # Given so many runs, When they are put into batches, Then there are some for every slot, and some to look at
    assert (per_batch(total), -(-total // size)) == (size, batches)
    assert per_batch(100_000) * 100 > 100_000


def test_the_names_of_figures_are_those_that_are_measured(data: DataSet) -> None:
    # Given a run, When it is measured, Then requests know its figures by name
    assert set(figures_of(CROSS, data, {})) == FIGURES
    whole, part = kept_figures(asked(objective="sqn", require=["max_gross < 2", "avg_win > avg_loss"]))
    assert part == ["sqn", "max_gross", "avg_win", "avg_loss"]
    assert set(part) < set(whole)


def test_the_deflated_sharpe_of_figures_is_that_of_returns(data: DataSet) -> None:
    # Given a run with its returns, and how others did
    run = run_of(CROSS, data, {})
    measured, trials = measure(run), [0.01, -0.02, 0.05, 0.03]
    # When it is counted from the figures alone
    found = deflated_sharpe_of(measured.figures.values, trials)
    # Then it is the same
    assert found == pytest.approx(deflated_sharpe(returns_of(measured.line), trials), rel=1e-12)
    assert deflated_sharpe_of({"sharpe": None}, trials) is None


def sweep_of(request: SweepRequest, points: int) -> Sweep:
    terms = Terms(strategy_id=1, version=1, data_hash="")
    return Sweep(terms=terms, request=request, dataset="d", points=points, per_batch=2, created_at="")


def trial(number: int, sharpe: float | None, trades: float = 10, error: str | None = None, **params: Any) -> Trial:
    return Trial(number=number, params=params, figures={"sharpe": sharpe, "trades": trades}, error=error)


def test_a_run_that_was_done_twice_counts_once() -> None:
    # Given four points, of which a batch was done twice, one has failed, and one batch was lost
    parts = [Part(trials=[trial(0, 1.0), trial(1, None, error="it raised")])] * 2
    # When they are put together
    found = Found(sweep_of(asked(), 4), parts, lost=2)
    # Then each is there once
    assert (found.done, found.failed, [point.number for point in found.points]) == (4, 3, [0, 1])


def test_the_best_keeps_what_is_required_and_equal_ones_go_by_number() -> None:
    # Given points of which the one with the highest figure has too few trades, and two are equal
    scores = [(0.5, 40), (2.0, 3), (1.0, 30), (1.0, 50), (None, 60)]
    parts = [Part(trials=[trial(number, *one) for number, one in enumerate(scores)])]
    # When the best is looked for, high and low
    high = Found(sweep_of(asked(require=["trades >= 30"]), 5), parts)
    low = Found(sweep_of(asked(require=["trades >= 30"], maximise=False), 5), parts)
    # Then it is feasible, and the first of its kind; what is not feasible stands behind
    assert high.best is not None
    assert low.best is not None
    assert (high.best.number, low.best.number) == (2, 0)
    assert [point.number for point in high.top] == [2, 3, 0, 1]
    assert [point.is_feasible for point in high.points] == [True, False, True, True, True]


def test_a_heat_map_has_the_best_of_each_cell() -> None:
    # Given points that differ in two parameters, and in a third one
    parts = [
        Part(trials=[trial(0, 1.0, a=1, b="x", c=1), trial(1, 3.0, a=1, b="x", c=2)]),
        Part(trials=[trial(2, 2.0, a=2, b="x", c=1), trial(3, None, a=2, b="y", c=1)]),
    ]
    # When it is drawn, and with one parameter that differs
    drawn = Found(sweep_of(asked(), 4), parts).heat_map
    alone = Found(sweep_of(asked(), 1), parts[:1]).heat_map
    # Then there is a cell for each pair, empty where there is no figure
    assert drawn is not None
    assert (drawn.x_name, drawn.y_name, drawn.x, drawn.y) == ("a", "b", [1, 2], ["x", "y"])
    assert drawn.z == [[3.0, 2.0], [None, None]]
    assert alone is None


def test_many_values_are_drawn_as_ranges() -> None:
    # Given a thousand points over two spans
    made = [trial(n, n / 1000, a=n * 0.37, b=(n * 7) % 1000) for n in range(1000)]
    # When the map is drawn
    drawn = Found(sweep_of(asked(), 1000), [Part(trials=made)]).heat_map
    # Then it has twenty ranges each way, and the best of all points is in it
    assert drawn is not None
    assert (len(drawn.x), len(drawn.y)) == (20, 20)
    assert max(cell for row in drawn.z for cell in row if cell is not None) == 0.999


def test_what_luck_would_have_brought_is_counted_from_all_points(data: DataSet) -> None:
    # Given six points that were really run
    planned = plan(asked(constraints=["fast < slow"]), data)
    trials = [
        Trial(number=r.number, params=r.params, figures=dict(figures_of(CROSS, data, r.params))) for r in planned.runs
    ]
    # When they are put together
    found = Found(sweep_of(asked(), 6), [Part(trials=trials)])
    deflated, expected = found.luck()
    # Then both figures are those of the returns of the best, and of how all of them did
    lines = [returns_of(measure(run_of(CROSS, data, run.params)).line) for run in planned.runs]
    sharpes = [float(line.mean() / line.std(ddof=1)) for line in lines]
    assert found.best is not None
    assert found.best.number == sharpes.index(max(sharpes))
    assert expected == pytest.approx(expected_best_sharpe(sharpes) * 252**0.5, rel=1e-9)
    assert deflated == pytest.approx(deflated_sharpe(lines[found.best.number], sharpes), rel=1e-9)


def test_the_tasks_have_the_limits_of_the_page() -> None:
    # Given the tasks of the service, When their options are looked at
    service = Strategies(App("memory://"))
    options = {name: task.options.job_fields for name, task in service.app.tasks.items()}
    # Then they are what the page says
    minutes = {"strategies.check": 10, "strategies.sweep_batch": 20, "strategies.sweep": 20}
    for name, count in minutes.items():
        assert options[name]["timeout_ms"] == count * 60_000
        assert "retry" not in options[name]  # three retries, as by default
    assert options["strategies.sweep_batch"]["priority"] < 50
