"""The schedule of faults is drawn from the seed and keeps its quiet periods."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from abaca.errors import ConfigError
from abaca.verify.nemesis import Can, Fault, Period, periods, schedule
from abaca.verify.plan import Plan

EVERYTHING = Can(kill_store=True, rule_server=True, network=True, clocks=True)


def plan(**options: Any) -> Plan:
    return Plan(**{"url": "redis://localhost", "folder": Path("nowhere"), "seed": 5, "minutes": 4.0, **options})


def drawn(given: Plan, can: Can = EVERYTHING) -> tuple[list[Period], list[Fault]]:
    rng = random.Random(given.seed)
    parts = periods(given, rng)
    return parts, schedule(given, parts, can, rng)


def test_the_same_seed_draws_the_same_faults_and_another_seed_others() -> None:
    assert drawn(plan()) == drawn(plan())
    assert drawn(plan()) != drawn(plan(seed=6))


def test_every_fault_comes_as_often_as_asked_for_and_in_order() -> None:
    given = plan(kills=40, stops=7, store_kills=5, network_faults=21, client_kills=4, flushes=10, clock_jumps=6)
    _, faults = drawn(given)
    kinds = Counter(fault.kind for fault in faults)
    assert kinds["kill"] == 40
    assert kinds["stop"] == 7
    assert kinds["kill-store"] == 5
    assert kinds["network"] == 21
    assert kinds["kill-client"] == 4
    assert kinds["server"] == 10
    assert kinds["clock"] == 6
    assert faults == sorted(faults)
    assert {fault.how for fault in faults if fault.kind == "kill"} == {"tree", "supervisor", "runner"}


def test_what_the_store_does_not_allow_is_left_out() -> None:
    _, faults = drawn(plan(), Can())
    assert {fault.kind for fault in faults} <= {"kill", "stop", "deploy", "kill-client"}


@pytest.mark.parametrize("seed", range(20))
def test_a_quarter_of_the_periods_is_quiet_and_no_fault_reaches_into_one(seed: int) -> None:
    parts, faults = drawn(plan(seed=seed, kills=60, stops=20))
    quiet = [part for part in parts if part.quiet]
    assert len(quiet) == round(len(parts) / 4)
    for fault in faults:
        assert not any(fault.at < part.ends and fault.at + fault.lasts > part.begins for part in quiet)


def test_a_worker_is_stopped_for_longer_than_its_lease() -> None:
    _, faults = drawn(plan(stops=12, lease=2.0))
    assert all(fault.lasts > 2.0 for fault in faults if fault.kind == "stop")


@pytest.mark.parametrize("minutes", [0.05, 0.1, 0.2, 1.0, 60.0])
def test_a_run_of_any_length_has_both_faults_and_quiet(minutes: float) -> None:
    parts, faults = drawn(plan(minutes=minutes))
    assert any(part.quiet for part in parts)
    assert faults
    assert parts[-1].ends == pytest.approx(minutes * 60)


@pytest.mark.parametrize("option", [{"minutes": 0}, {"jobs": -1}, {"lease": 0.0}, {"workers": 0}, {"fsync": "maybe"}])
def test_a_plan_that_cannot_be_carried_out_is_refused(option: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(option))):
        plan(**option)
