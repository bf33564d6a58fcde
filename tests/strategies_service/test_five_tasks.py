"""The five tasks that the source system had, with its limits and their typed results."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from abaca import App, JobHandle, Kind
from abaca.model import RetryRule
from abaca_strategies.models import (
    AlertResult,
    BacktestResult,
    CreateStrategyResult,
    PythonAgentResult,
    ScreeningResult,
)
from abaca_strategies.requests import (
    AlertRequest,
    BacktestRequest,
    CreateStrategyRequest,
    PythonAgentRequest,
    ScreeningRequest,
)
from abaca_strategies.strategies import Strategies
from tests.strategies_service.authors import CROSS

NORMAL, HIGH = 50, 75
MINUTE = 60_000
LIMITS = {
    "backtest": (10 * MINUTE, 4, NORMAL),
    "create_strategy": (15 * MINUTE, 3, HIGH),
    "screening": (5 * MINUTE, 4, NORMAL),
    "alert": (2 * MINUTE, 4, NORMAL),
    "python_agent": (8 * MINUTE, 4, NORMAL),
}
"""Time in all, attempts (the first and the retries), priority."""


@pytest.fixture
async def service() -> AsyncIterator[Strategies]:
    app = App("memory://", plugins=["strategies"])
    async with app:
        yield Strategies.of(app)


async def all_five(service: Strategies) -> dict[str, JobHandle[object]]:
    id = (await service.registry.create(name="cross", python_code=CROSS)).strategy_id
    return {
        "backtest": await service.backtest.enqueue(BacktestRequest(strategy_id=id)),
        "create_strategy": await service.create_strategy.enqueue(CreateStrategyRequest(python_code=CROSS)),
        "screening": await service.screening.enqueue(ScreeningRequest(strategy_ids=[id])),
        "alert": await service.alert.enqueue(AlertRequest(strategy_id=id)),
        "python_agent": await service.python_agent.enqueue(PythonAgentRequest(code="1 + 1")),
    }


async def test_each_task_has_the_limits_of_the_source_system(service: Strategies) -> None:
    found = {}
    for name, job in (await all_five(service)).items():
        spec = (await job.info()).spec
        assert spec.task == f"strategies.{name}"
        timeout = service.app.tasks[spec.task].options.timeout_ms if spec.timeout_ms is None else spec.timeout_ms
        found[name] = (timeout, (spec.retry or RetryRule()).max_attempts, spec.priority)
    assert found == LIMITS


@pytest.mark.timeout(120)
async def test_each_task_answers_its_own_type_and_tells_how_far_it_is(prepared: None, service: Strategies) -> None:
    # Given a job of each, When a worker runs them
    jobs = await all_five(service)
    async with service.app.worker(queues=["strategies"]):
        results = {name: await job.result(timeout=100) for name, job in jobs.items()}
    # Then the result is typed, and went well
    types = {name: type(one) for name, one in results.items()}
    assert types == {
        "backtest": BacktestResult,
        "create_strategy": CreateStrategyResult,
        "screening": ScreeningResult,
        "alert": AlertResult,
        "python_agent": PythonAgentResult,
    }
    assert [name for name, one in results.items() if not getattr(one, "success", False)] == []
    # And the updates told the stages on the way, and then the end
    kinds = [update.kind async for update in jobs["backtest"].updates()]
    assert Kind.PROGRESS in kinds
    assert kinds[-1] is Kind.STATUS
