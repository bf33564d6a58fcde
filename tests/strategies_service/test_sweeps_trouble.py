"""Runs of a sweep that end their process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from abaca_strategies.packed import Packed
from abaca_strategies.running.runner import Runner
from abaca_strategies.running.work import Point, Points
from abaca_strategies.tasks.pointing import run_points
from tests.strategies_service.authors import TROUBLE

pytestmark = pytest.mark.asyncio(loop_scope="module")


def points_of(*what: str) -> Points:
    runs = [Point(number=number, params={"do": do}) for number, do in enumerate(what)]
    return Points(code=TROUBLE, symbols=["SYN01"], points=runs)


def at_most(seconds: float) -> Callable[[float], float]:
    return lambda most: min(most, seconds)


async def test_runs_that_end_their_process_are_marked_and_the_others_go_on(runner: Runner, market: Packed) -> None:
    # Given runs of which one ends the interpreter and one takes all memory
    work, told = points_of("trade", "exit", "trade", "eat", "trade"), list[int]()
    # When they are done
    found = await run_points(runner, work, market, at_most(120), told.append)
    # Then these two have the reason, and the others their figures
    assert [found[number].error is None for number in range(5)] == [True, False, True, False, True]
    assert (found[1].error or "").startswith("crashed")
    assert (found[3].error or "").startswith("memory_limit")
    assert told == sorted(told)
    assert told[-1] == 5


async def test_behind_the_third_failure_the_rest_is_not_tried(runner: Runner, market: Packed) -> None:
    # Given three runs that end the interpreter, and more behind them, When they are done
    found = await run_points(runner, points_of("exit", "exit", "trade", "exit", "trade"), market, at_most(120))
    # Then the last was not tried
    assert found[2].error is None
    assert (found[4].error or "").startswith("not tried")


async def test_one_that_takes_too_long_is_marked_and_many_that_do_are_not(runner: Runner, market: Packed) -> None:
    # Given one that never ends, and runs of a second each, with four seconds for a process
    work = points_of("wait", "second", "second", "second", "second", "second")
    asked: list[Any] = []

    def left(most: float) -> float:
        asked.append(most)
        return 4.0

    # When they are done
    found = await run_points(runner, work, market, left)
    # Then those went on in another process, and only the first one is marked
    assert [found[number].error is None for number in range(6)] == [False] + [True] * 5
    assert (found[0].error or "").startswith("timeout")
    assert len(asked) > 2


async def test_what_has_no_time_left_says_so(runner: Runner, market: Packed) -> None:
    # Given a batch whose time is over behind its first process
    seconds = iter([4.0, 1.0])
    # When it is done
    found = await run_points(runner, points_of("trade", "wait", "trade"), market, lambda most: next(seconds))
    # Then the rest is marked with that
    assert found[0].error is None
    assert "the time of its batch was over" in (found[2].error or "")


async def test_code_that_is_no_strategy_is_tried_once(runner: Runner, market: Packed) -> None:
    # Given code without an entry point, and many runs
    work = Points(code="x = 1", symbols=["SYN01"], points=[Point(number=number) for number in range(50)])
    asked: list[float] = []

    def left(most: float) -> float:
        asked.append(most)
        return most

    # When they are done
    found = await run_points(runner, work, market, left)
    # Then one process was enough to know
    assert len(asked) == 1
    assert {one.error for one in found.values()} == {found[0].error}
    assert (found[0].error or "").startswith("entry")
