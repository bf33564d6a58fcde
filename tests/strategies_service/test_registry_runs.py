"""Runs that ended, listed without a look at any job."""

from __future__ import annotations

from typing import Any

import pytest

from abaca_strategies.errors import Refused, RunNotFound
from abaca_strategies.registry.runs import RunRecord, Runs
from abaca_strategies.strategies import Strategies

HASH = "sha256:" + "a" * 64


def run(job_id: str, second: int, **fields: Any) -> RunRecord:
    given: dict[str, Any] = {
        "kind": "backtest",
        "strategy_id": 1,
        "version": 1,
        "success": True,
        "data_hash": HASH,
        "started_at": "2024-01-01T00:00:00.000000Z",
        "ended_at": f"2024-01-01T00:00:{second:02d}.000000Z",
        "seconds": float(second),
        **fields,
    }
    return RunRecord(job_id=job_id, **given)


@pytest.fixture
def runs(service: Strategies) -> Runs:
    return service.runs


async def test_runs_are_listed_the_newest_first_by_strategy_kind_and_user(runs: Runs) -> None:
    # Given runs of two strategies, of two kinds and users, written in any order
    for number in (3, 1, 5, 2, 4):
        kind = "sweep" if number == 4 else "backtest"
        await runs.write(run(f"job-{number}", number, strategy_id=number % 2 + 1, kind=kind, user_id=number))
    # When they are listed, Then the newest come first
    assert [one.job_id for one in (await runs.list()).items] == ["job-5", "job-4", "job-3", "job-2", "job-1"]
    assert [one.job_id for one in (await runs.list(strategy_id=2)).items] == ["job-5", "job-3", "job-1"]
    assert [one.job_id for one in (await runs.list(kind="sweep")).items] == ["job-4"]
    assert [one.job_id for one in (await runs.list(user_id=2)).items] == ["job-2"]
    # And page by page
    first = await runs.list(limit=3)
    assert [one.job_id for one in (await runs.list(limit=3, cursor=first.cursor)).items] == ["job-2", "job-1"]
    assert [one.job_id for one in await runs.compare(["job-2", "job-5"])] == ["job-2", "job-5"]
    wrongs: tuple[dict[str, Any], ...] = ({"limit": 0}, {"cursor": "job-1"})
    for wrong in wrongs:
        with pytest.raises(Refused):
            await runs.list(**wrong)


async def test_a_job_that_ran_again_has_one_run(runs: Runs) -> None:
    # Given a run
    await runs.write(run("job-1", 1, success=False))
    # When its job ran again, and what it wrote is written once more
    for _ in range(2):
        await runs.write(run("job-1", 2, figures={"sharpe": None}))
    # Then there is the later one alone
    assert await runs.get("job-1") == run("job-1", 2, figures={"sharpe": None})
    assert [one.seconds for one in (await runs.list(strategy_id=1)).items] == [2.0]


async def test_a_run_names_its_data_for_as_long_as_it_is_kept(runs: Runs) -> None:
    # Given two runs on the same data
    await runs.write(run("job-1", 1))
    await runs.write(run("job-2", 2))
    assert await runs.uses(HASH)
    # When both are deleted
    await runs.delete("job-1")
    assert await runs.uses(HASH)
    await runs.delete("job-2")
    # Then nothing uses the data, and the runs are gone
    assert not await runs.uses(HASH)
    assert (await runs.list()).items == []
    for ask in (runs.get("job-1"), runs.delete("job-1"), runs.compare(["job-2"])):
        with pytest.raises(RunNotFound):
            await ask


async def test_a_request_that_is_too_long_is_kept_without_its_long_fields(runs: Runs) -> None:
    # Given a sweep of very many points
    points = [{"fast": number} for number in range(10_000)]
    # When its run is written
    await runs.write(run("job-1", 1, request={"points": points, "objective": "sharpe"}, error="e" * 20_000))
    # Then what is short of it is kept
    kept = await runs.get("job-1")
    assert (kept.request, len(kept.error or "")) == ({"objective": "sharpe"}, 10_000)
