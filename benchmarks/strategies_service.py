"""What sweeps and starts cost, for ``python -m benchmarks.strategies``: points per second with one slot and with two,
and how long it takes from a request for a run to the first line of the author's code."""

from __future__ import annotations

import os
import statistics
import tempfile
import time

from abaca import App
from abaca_strategies.plugin import PLUGIN
from abaca_strategies.requests import SpanFields, SweepRequest
from abaca_strategies.running.runner import Runner
from abaca_strategies.running.work import Cell
from abaca_strategies.strategies import Strategies

CODE = """
PARAMS = {"fast": 5, "slow": 20}

def signals(df, params):
    fast = df["close"].rolling(params["fast"]).mean()
    slow = df["close"].rolling(params["slow"]).mean()
    return (fast > slow).astype(float)
"""


async def points_per_second(slots: int, points: int) -> float:
    """A whole sweep as its caller sees it, over ten years of daily bars of one ticker, with the processes started."""
    os.environ["ABACA_STRATEGIES_SLOTS"] = str(slots)
    with tempfile.TemporaryDirectory() as folder:
        app = App(f"sqlite:///{folder}/jobs.db", plugins=[PLUGIN])
        service = Strategies.of(app)
        async with app, app.worker(queues=["strategies"]):
            made = await service.registry.create(name="cross", python_code=CODE)
            await (await service.sweeps.start(_request(made.strategy_id, 8 * slots))).result(120)
            began = time.perf_counter()
            result = await (await service.sweeps.start(_request(made.strategy_id, points))).result(600)
            assert (result.done, result.failed) == (points, 0)
            return points / (time.perf_counter() - began)


def _request(strategy_id: int, points: int) -> SweepRequest:
    fast, slow = SpanFields(low=2, high=60), SpanFields(low=61, high=250)
    return SweepRequest(
        strategy_id=strategy_id, symbols=["SYN01"], random={"fast": fast, "slow": slow}, count=points, seed=points
    )


async def milliseconds_to_start(runs: int) -> list[float]:
    """From the call of the runner to the author's first line, of each run, by the machine's one clock."""
    runner, taken = Runner(slots=1), list[float]()
    code = "import time\nresult = time.clock_gettime(time.CLOCK_MONOTONIC)"
    try:
        await runner.cell(Cell(code=code))
        for _ in range(runs):
            began = time.clock_gettime(time.CLOCK_MONOTONIC)
            ran = await runner.cell(Cell(code=code))
            assert ran.value is not None, ran.failure
            taken.append((ran.value.result[0] - began) * 1000)
    finally:
        await runner.close()
    return taken


def quantiles(values: list[float]) -> tuple[float, float]:
    """The median, and what nine of ten stay below."""
    return statistics.median(values), statistics.quantiles(values, n=10)[-1]
