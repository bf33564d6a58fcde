"""Chaos on real processes, in short: the run holds, and it fails when a store breaks a promise."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verify.runs import broken, held

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(540)]


async def test_sqlite_holds_under_kills_stops_pills_and_deaths_in_mid_write(tmp_path: Path) -> None:
    # Given, when
    outcome = await held(tmp_path, url=f"sqlite:///{tmp_path}/user.db")
    # Then
    assert outcome.findings.rules["S1"].judged > 1000
    assert outcome.tally["kills"] > 0
    assert outcome.tally["store kills"] > 0
    # And: nothing of it is left beside the user's file
    assert not list(tmp_path.glob("user.db*"))


@pytest.mark.redis
async def test_redis_holds_under_kills_of_workers_and_server_and_a_bad_network(tmp_path: Path) -> None:
    outcome = await held(tmp_path, url="", own_server=True, network_faults=8)
    assert outcome.findings.rules["S1"].judged > 1000
    assert outcome.tally["kills"] > 0
    assert outcome.tally["store kills"] > 0
    assert outcome.tally["network faults"] > 0


async def test_a_store_that_loses_one_job_is_found_out(tmp_path: Path) -> None:
    # Given a store that acknowledges one job more than it stores
    outcome = await broken(tmp_path / "run", "tests.verify.sabotage:lossy", f"sqlite:///{tmp_path}/user.db")
    # Then exactly the lost jobs are reported, one for each client process, and the run is not held
    assert not outcome.ok
    assert outcome.findings.rules["S1"].broken == outcome.plan.clients
    assert any("it was accepted and is gone" in violation.text for violation in outcome.findings.violations)
    # And: what is needed to look into it is there
    assert {path.suffix for path in outcome.plan.folder.iterdir()} >= {".history", ".json"}


async def test_a_store_that_accepts_a_stale_settle_is_found_out(tmp_path: Path) -> None:
    # Given a store that lets an earlier run's end through while a later run is under way
    outcome = await broken(tmp_path / "run", "tests.verify.sabotage:stale", f"sqlite:///{tmp_path}/user.db")
    # Then the results that belong to another run are seen
    assert not outcome.ok
    assert outcome.findings.rules["S2"].broken > 0
