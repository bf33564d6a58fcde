"""Back-tests and cells as jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from abaca import App
from abaca_strategies.requests import BacktestRequest, PythonAgentRequest
from abaca_strategies.strategies import Strategies
from tests.strategies_service.authors import CROSS


@pytest.fixture
async def working(prepared: None) -> AsyncIterator[Strategies]:
    app = App("memory://")
    service = Strategies(app)
    async with app, app.worker(queues=["strategies"]):
        yield service


async def test_a_backtest_and_a_cell_answer_typed_results(working: Strategies) -> None:
    # Given a strategy of one version
    service = working
    made = await service.registry.create(name="cross", python_code=CROSS)
    # When it is back-tested, and a missing version, and a cell is run
    id = made.strategy_id
    good = await service.backtest.enqueue(BacktestRequest(strategy_id=id, symbols=["SYN01"]))
    missing = await service.backtest.enqueue(BacktestRequest(strategy_id=id, version=7))
    cell = await service.python_agent.enqueue(PythonAgentRequest(code="print('x')\n1 + 1"))
    result = await good.result(timeout=50)
    # Then each has ended with what it means
    assert (result.success, result.strategy_id, result.version) == (True, id, 1)
    assert result.data_hash == (await service.datasets.get()).digest
    lacking = await missing.result(timeout=50)
    assert not lacking.success
    assert "no version 7" in (lacking.error_message or "")
    answer = await cell.result(timeout=50)
    assert (answer.success, answer.result, answer.prints, answer.execution_id) == (True, [2], "x\n", cell.id)
    # And each is kept as a run
    assert {run.job_id for run in (await service.runs.list()).items} == {good.id, missing.id, cell.id}
