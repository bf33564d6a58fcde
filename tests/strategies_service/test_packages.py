"""``strategies.packages``: what strategies can import besides, built into a Python of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from abaca import App
from abaca_sandbox import SandboxUnavailable
from abaca_strategies.requests import BacktestRequest, PythonAgentRequest
from abaca_strategies.running.runtime import name_of, prepare_runtime
from abaca_strategies.strategies import Strategies

PLOTLY = "plotly==6.5.0"
DRAWING = """
import plotly.graph_objects as go

def signals(df, params):
    figure = go.Figure(go.Scatter(x=df.index[-40:], y=df["close"].tail(40).to_numpy(), name="closes"))
    figure.update_layout(title=f"[{df['ticker'].iloc[-1] if 'ticker' in df else 'SYN01'}] closes")
    figure.show()
    return (df["close"] > df["close"].rolling(20).mean()) * 1.0
"""
CELL = """
import plotly.express as px
figure = px.bar(x=["a", "b"], y=np.array([1.0, np.nan]))
figure
"""


def test_each_choice_has_a_python_of_its_own() -> None:
    assert name_of(()) == "strategies"
    assert name_of(("a==1", "b==2")) == name_of(("b==2", "a==1")) != name_of(("a==1",))
    assert name_of(("a==1",)).startswith("strategies-")


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_plotly_is_there_when_the_operator_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a service whose strategies have plotly
    monkeypatch.setenv("ABACA_STRATEGIES_PACKAGES", PLOTLY)
    try:
        prepare_runtime([PLOTLY])
    except SandboxUnavailable as error:
        pytest.skip(f"plotly cannot be had here: {error}")
    app = App("memory://", plugins=["strategies"])
    service = Strategies.of(app)
    async with app, app.worker(queues=["strategies"]):
        made = await service.registry.create(name="drawing", python_code=DRAWING)
        # When a strategy and a cell draw with it
        tested = await service.backtest.enqueue(BacktestRequest(strategy_id=made.strategy_id, symbols=["SYN01"]))
        result = await tested.result(timeout=100)
        cell = await (await service.python_agent.enqueue(PythonAgentRequest(code=CELL))).result(timeout=100)
    # Then the figures are kept as plain JSON, with what is no number left out
    assert result.success, result.error_message
    (plot,) = result.strategy_plots or []
    assert plot.title_ticker == "SYN01"
    (trace,) = plot.data["data"]
    assert (trace["type"], len(trace["x"]), len(trace["y"])) == ("scatter", 40, 40)
    assert all(isinstance(one, float) for one in trace["y"])
    assert cell.success, cell.error
    assert [one.data["data"][0]["y"] for one in cell.plots] == [[1.0, None]]
