"""The five tasks of the source system have its limits."""

from __future__ import annotations

from typing import Any

import pytest

from abaca import App
from abaca_strategies import requests
from abaca_strategies.strategies import Strategies

LIMITS: list[tuple[str, Any, int, int, int]] = [
    ("backtest", requests.BacktestRequest(strategy_id=1), 10, 3, 50),
    ("create_strategy", requests.CreateStrategyRequest(prompt="x"), 15, 2, 75),
    ("screening", requests.ScreeningRequest(strategy_ids=[1]), 5, 3, 50),
    ("alert", requests.AlertRequest(strategy_id=1), 2, 3, 50),
    ("python_agent", requests.PythonAgentRequest(code="1"), 8, 3, 50),
]


@pytest.mark.parametrize(("name", "request_", "minutes", "retries", "priority"), LIMITS)
async def test_a_task_has_the_limits_of_the_source_system(
    name: str, request_: Any, minutes: int, retries: int, priority: int
) -> None:
    async with App("memory://") as app:
        task = getattr(Strategies(app), name)
        job = await (await task.enqueue(request_)).info()
    assert job.spec.task == f"strategies.{name}"
    assert (job.spec.timeout_ms, job.spec.priority) == (minutes * 60_000, priority)
    attempts = 4 if job.spec.retry is None else job.spec.retry.max_attempts  # four is what a job has without a word
    assert attempts == 1 + retries
