"""``kill -9`` of a worker in the middle of a sweep."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from abaca import App, Job
from abaca_strategies.flowmodels import SweepResult
from abaca_strategies.flows.terms import Part
from abaca_strategies.requests import SpanFields, SweepRequest
from abaca_strategies.strategies import Strategies
from tests.integration.crew import WorkerProcess, crew
from tests.strategies_service.authors import CROSS
from tests.strategies_service.independent import figures_of, whole

STAND = "tests.strategies_service.stand:app"
FLAGS = {"queues": "strategies", "lease": "2s", "beat": "500ms"}


async def swept(folder: Path, points: int, kills: int) -> tuple[SweepResult, list[Part], list[Job]]:
    """A sweep whose worker is killed so often, each time behind a batch that has ended."""
    url = f"sqlite:///{folder}/jobs.db"
    async with App(url, plugins=["strategies"]) as app:
        service = Strategies.of(app)
        made = await service.registry.create(name="cross", python_code=CROSS)
        span = {"fast": SpanFields(low=2, high=40), "slow": SpanFields(low=41, high=200)}
        request = SweepRequest(strategy_id=made.strategy_id, symbols=["SYN01"], random=dict(span), count=points)
        handle = await service.sweeps.start(request)
        batches = app.group(handle.id).of(Part)
        with crew(url, 1, STAND, **FLAGS) as workers:
            ended = 0
            while ended < kills:
                async for _ in batches.results(ended * 3):
                    break
                workers[-1].kill()
                ended += 1
                workers.append(WorkerProcess(url, STAND, **FLAGS))
                await asyncio.to_thread(workers[-1].wait_says, "worker started")
            result = await handle.result(120)
        parts = await batches.values(20)
        return result, parts, [job async for job in handle.members()]


@pytest.mark.timeout(180)
async def test_each_of_a_hundred_points_counts_once(prepared: None, tmp_path: Path) -> None:
    # Given a sweep of a hundred points, When its worker is killed behind its first batch
    result, parts, members = await swept(tmp_path, 100, 1)
    # Then another has done the rest, and every point is there once
    assert (result.success, result.total, result.done, result.failed) == (True, 100, 100, 0)
    assert sorted(trial.number for part in parts for trial in part.trials) == list(range(100))
    # And runs were lost, and are counted as such
    assert sum(job.losses for job in members) >= 1
    # And what it found is what there is to find
    trials = [trial for part in parts for trial in part.trials]
    data = whole("SYN01")
    sharpes = [figures_of(CROSS, data, trial.params or {})["sharpe"] or 0.0 for trial in trials]
    assert result.best is not None
    assert result.best.score == pytest.approx(max(sharpes), rel=1e-12)


@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_each_of_a_thousand_points_counts_once(prepared: None, tmp_path: Path) -> None:
    # Given a sweep of a thousand points, When its worker is killed three times
    result, parts, members = await swept(tmp_path, 1_000, 3)
    # Then every point counts once
    assert (result.success, result.total, result.done, result.failed) == (True, 1_000, 1_000, 0)
    assert sorted(trial.number for part in parts for trial in part.trials) == list(range(1_000))
    assert sum(job.losses for job in members) >= 2
