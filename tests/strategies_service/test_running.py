"""Code of strategies and cells, run in the sandbox."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import msgspec
import pytest

from abaca_strategies.data import synthetic
from abaca_strategies.engine import Costs, Rules, run_signals
from abaca_strategies.metrics import measure
from abaca_strategies.packed import Packed
from abaca_strategies.running.runner import Runner
from abaca_strategies.running.work import (
    Backtest,
    Cell,
    Check,
    Inspect,
    Point,
    PointResult,
    Points,
    Progress,
    Screen,
)
from tests.strategies_service.authors import CROSS, FIGURE, FORMS, PEEKING

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_is_run_by_the_engine(runner: Runner, market: Packed, form: str) -> None:
    # Given a strategy of one form, When it is back-tested in the sandbox
    ran = await runner.backtest(Backtest(code=FORMS[form]), market)
    # Then the result is of that form and complete
    assert ran.failure is None
    assert ran.value is not None
    assert ran.value.summary.execution_type == form
    assert ran.value.summary.symbols_processed == 3
    assert ran.value.equity_points == 400
    assert ran.value.metrics["bars"] == 400.0
    assert bool(ran.value.event_study) == (form == "instances")


async def test_the_figures_are_those_of_the_engine_outside(runner: Runner, market: Packed) -> None:
    # Given a strategy, some of the data, rules and parameters
    rules = {"costs": {"fee_bps": 5.0}, "cash": 50_000.0}
    work = Backtest(
        code=CROSS, params={"fast": 10}, rules=rules, symbols=["SYN03", "SYN01"], start="2015-06-01", end="2016-03-31"
    )
    # When it is run inside, and the same by the engine here
    ran = await runner.backtest(work, market)
    names: dict[str, Any] = {}
    exec(CROSS, names)  # noqa: S102 - the tests' own text
    data = synthetic(tickers=3, bars=400).only(["SYN03", "SYN01"]).between("2015-06-01", "2016-03-31")
    run = run_signals(data, names["signals"], {"fast": 10, "slow": 20}, Rules(cash=50_000.0, costs=Costs(fee_bps=5.0)))
    # Then the figures are equal
    assert ran.value is not None
    expected = measure(run).figures.values
    assert {name: value for name, value in ran.value.metrics.items() if value is not None} == pytest.approx(
        {name: value for name, value in expected.items() if value is not None}, rel=1e-12
    )
    assert ran.value.trades_total == len(run.trades)


async def test_progress_comes_by_stage_and_symbol(runner: Runner, market: Packed) -> None:
    # Given a strategy that takes a while for each ticker
    code = "import time\ndef signals(df, params):\n    time.sleep(0.2)\n    return df['close'] * 0"
    told: list[Progress] = []
    # When it is run
    ran = await runner.backtest(Backtest(code=code), market, told.append)
    # Then stages come in order, with each ticker while it is at hand
    assert ran.failure is None
    stages = list(dict.fromkeys(one.stage for one in told))
    assert stages == ["start", "data", "strategy", "measure", "result"]
    at = [(one.message, one.done, one.total) for one in told if one.stage == "strategy" and one.message]
    assert at[-2:] == [("SYN02", 1, 3), ("SYN03", 2, 3)]


FAILURES = {
    "no Python": ("def signals(df:\n", "syntax", "line 1", None),
    "no entry point": ("x = 1", "entry", "signals", None),
    "a NUL": ("x = 1\0", "syntax", "", None),
    "raises": ("def signals(df, params):\n    x = 1\n    return df['nope']", "error", "KeyError: 'nope'", 3),
    "raises while it is loaded": ("import math\nmath.sqrt(-1)", "error", "ValueError", 2),
    "ends the program": ("import sys\ndef signals(df, params):\n    sys.exit(3)", "error", "exit status 3", 3),
    "answers nonsense": ("def signals(df, params):\n    return 'buy'", "error", "series of numbers", None),
    "an unknown parameter": (
        "PARAMS = {'n': 1}\ndef signals(df, params): return df['close']*0",
        "error",
        "'fast'",
        None,
    ),
    "imports what is not there": ("import requests", "error", "No module named 'requests'", 1),
    "no timestamp": ("def strategy(): return [{'ticker': 'SYN01'}]", "error", "no timestamp", None),
    "recursion": ("def signals(df, params): return signals(df, params)", "error", "RecursionError", 1),
    "no bars": ("def signals(df, params): return df['close']*0", "error", "no bars", None),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_what_is_wrong_with_the_code_is_said_with_its_line(runner: Runner, market: Packed, name: str) -> None:
    # Given code that cannot do what it is asked for
    code, reason, words, line = FAILURES[name]
    work = Backtest(code=code, params={"fast": 3}, start="2099-01-01" if name == "no bars" else None)
    # When it is run
    ran = await runner.backtest(work, market)
    # Then there is a reason for its author, and no value
    assert ran.value is None
    assert ran.failure is not None
    assert (ran.failure.reason, ran.failure.line) == (reason, line)
    assert words in ran.failure.message


async def test_prints_plots_and_images_are_kept(runner: Runner) -> None:
    # Given a cell that prints, draws with matplotlib, shown or not, and leaves a figure like plotly's
    code = (
        FIGURE
        + """
import sys
import matplotlib.pyplot as plt
print("first")
print("to the error stream", file=sys.stderr)
plt.plot([1, 2]); plt.show()
plt.figure(); plt.plot([2, 1])
shown = Figure()
again = shown
result = {"mean": np.float64(1.5), "none": float("inf")}
"""
    )
    # When it is run
    ran = await runner.cell(Cell(code=code))
    # Then all of it is there, once, and fit for JSON
    assert ran.failure is None
    assert ran.prints.splitlines() == ["first", "to the error stream"]
    assert [base64.b64decode(image.data)[:4] for image in ran.images] == [b"\x89PNG"] * 2
    (plot,) = ran.plots
    assert plot.title_ticker == "SYN01"
    assert plot.data["data"][0]["y"] == [1.0, None, 3.0]
    assert ran.value is not None
    assert ran.value.result == [{"mean": 1.5, "none": None}]


CELLS = {
    "code() answers": ("def code():\n    return [1, 2]", [1, 2]),
    "main() answers": ("def main():\n    return {'a': 1}", [{"a": 1}]),
    "a variable": ("result = 3", [3]),
    "the last expression": ("x = 4\nx + 1", [5]),
    "nothing": ("x = 4", []),
    "the given data": ("sum(data['values'])", [6]),
    "a table": ("pd.DataFrame({'a': [1, 2], 'b': ['x', None]})", [{"a": 1, "b": "x"}, {"a": 2, "b": None}]),
    "a table by time": (
        "pd.DataFrame({'a': [1]}, index=pd.DatetimeIndex(['2020-01-02'], name='t'))",
        [{"t": "2020-01-02T00:00:00", "a": 1}],
    ),
    "numbers beyond JSON": ("[float('nan'), 2**70, np.int8(3), pd.NaT]", [None, str(2**70), 3, None]),
    "what has no JSON form": ("[{1, 1}, b'ab', object]", [[1], "YWI=", "<class 'object'>"]),
    "a dataclass defined here": (
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\nP(1).x",
        [1],
    ),
}


@pytest.mark.parametrize("name", CELLS)
async def test_what_a_cell_answers(runner: Runner, name: str) -> None:
    # Given a cell, When it is run
    code, expected = CELLS[name]
    ran = await runner.cell(Cell(code=code, data={"values": [1, 2, 3]}))
    # Then its result is a list of what JSON has
    assert ran.failure is None
    assert ran.value is not None
    assert ran.value.result == expected


async def test_a_cell_sees_data_up_to_its_time_only(runner: Runner, market: Packed) -> None:
    # Given a cell that asks for all bars as of a day
    code = "df = get_bar_data()\n[int(df['timestamp'].max()), sorted(set(df['ticker']))]"
    # When it is run
    ran = await runner.cell(Cell(code=code, symbols=["SYN02"], end="2015-03-02"), market)
    # Then nothing later was there, and no other ticker
    assert ran.value is not None
    assert ran.value.result == [1425254400, ["SYN02"]]


async def test_points_come_one_by_one_and_fail_alone(runner: Runner, market: Packed) -> None:
    # Given points of which one cannot be run, and one that asks for a part of the bars
    points = [
        Point(number=0, params={"fast": 3}),
        Point(number=1, params={"fast": "three"}),
        Point(number=2, params={"fast": 4}, bars=(100, 300)),
    ]
    told: list[PointResult] = []
    # When they are run
    ran = await runner.points(Points(code=CROSS, points=points), market, None, told.append)
    # Then each has its figures, or its error
    assert ran.failure is None
    assert ran.value == told
    assert [one.number for one in told] == [0, 1, 2]
    assert [one.error is None for one in told] == [True, False, True]
    assert [one.metrics.get("bars") for one in told] == [400.0, None, 200.0]


async def test_the_points_before_a_failure_are_kept(runner: Runner, market: Packed) -> None:
    # Given a strategy that never ends for one parameter
    code = "def signals(df, params):\n    while params['n'] == 2: pass\n    return df['close'] * 0"
    points = [Point(number=n, params={"n": n}) for n in range(4)]
    # When its time is over
    ran = await runner.points(Points(code=code, points=points), market, seconds=3)
    # Then the points before it are there, beside the reason
    assert ran.failure is not None
    assert ran.failure.reason == "timeout"
    assert ran.value is not None
    assert [one.number for one in ran.value] == [0, 1]


@pytest.mark.parametrize("form", FORMS)
async def test_a_screening_sees_nothing_after_its_time(runner: Runner, market: Packed, form: str) -> None:
    # Given a strategy, When it is asked as of a day in the past
    ran = await runner.screen(Screen(code=FORMS[form], end="2015-09-01"), market)
    # Then every row is about a bar up to that day
    assert ran.value is not None
    assert ran.value.form == form
    assert ran.value.as_of == "2015-09-01T00:00:00Z"
    assert set(ran.value.prices) == {"SYN01", "SYN02", "SYN03"}
    assert all(row.timestamp <= 1441065600 and row.bars_ago >= 0 for row in ran.value.rows)


async def test_a_check_finds_what_looks_ahead(runner: Runner, market: Packed) -> None:
    # Given a strategy that looks at the next bar, and one of each form that does not
    peeking = await runner.check(Check(code=PEEKING), market)
    honest = [await runner.check(Check(code=code, cuts=4), market) for code in FORMS.values()]
    # Then the one is found with its decisions, and the others are not
    assert peeking.value is not None
    assert peeking.value.look_ahead
    assert peeking.value.differences_total >= len(peeking.value.differences) > 0
    assert [(one.value.form, one.value.look_ahead) for one in honest if one.value] == [(name, False) for name in FORMS]


async def test_code_says_what_it_is(runner: Runner, market: Packed) -> None:
    # Given code with parameters, When it is inspected with data
    ran = await runner.inspect(Inspect(code=CROSS), market)
    # Then its form, its parameters and the bars at hand are known
    assert ran.value is not None
    assert (ran.value.form, ran.value.params, ran.value.bars) == ("signals", {"fast": 5, "slow": 20}, 400)


async def test_cancelling_ends_the_code_and_frees_the_slot(runner: Runner) -> None:
    # Given a cell on every slot that never ends
    told = asyncio.Event()
    endless = "while True: pass"
    running = [asyncio.create_task(runner.cell(Cell(code=endless), None, lambda _: told.set())) for _ in range(2)]
    await told.wait()
    # When they are cancelled
    for each in running:
        each.cancel()
    results = await asyncio.gather(*running, return_exceptions=True)
    # Then they are gone, and the next is run
    assert all(isinstance(one, asyncio.CancelledError) for one in results)
    assert (await runner.cell(Cell(code="1"))).value is not None


async def test_results_are_the_same_struct_that_the_tasks_answer(runner: Runner, market: Packed) -> None:
    # Given a short back-test without its long lists
    ran = await runner.backtest(Backtest(code=CROSS, full_results=False), market)
    # Then it is JSON in the source's names, and the lists are empty
    assert ran.value is not None
    found = json.loads(msgspec.json.encode(ran.value))
    assert (found["instances"], found["trades"], found["equity_curve"]) == ([], [], [])
    assert found["trades_total"] > 0
