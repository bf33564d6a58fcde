"""Points, folds, and the choice among them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from abaca_strategies.failures import StrategyError
from abaca_strategies.sweeps import Fold, Scored, Span, best, grid, heat_map, random_points, walk_forward


def test_a_grid_is_every_combination_that_the_constraints_allow() -> None:
    points = grid({"fast": [5, 10, 20], "slow": [10, 20]}, ["fast < slow", "slow != 30"])
    assert points == [{"fast": 5, "slow": 10}, {"fast": 5, "slow": 20}, {"fast": 10, "slow": 20}]


@pytest.mark.parametrize(
    ("space", "constraints", "why"),
    [
        ({"a": []}, [], "has no values"),
        ({"a": range(200), "b": range(200)}, [], "more than 10000 points"),
        ({"a": range(2000), "b": range(2000)}, [], "4000000 combinations"),
        ({"a": [1]}, ["a <"], "is no constraint"),
        ({"a": [1]}, ["b < 2"], "does not have"),
        ({"a": [1]}, ["a < b"], "does not have"),
    ],
)
def test_grids_that_make_no_sense_are_refused(space: dict[str, list[int]], constraints: list[str], why: str) -> None:
    with pytest.raises(StrategyError, match=why):
        grid(space, constraints)


def test_random_points_are_the_same_for_a_seed_and_all_different() -> None:
    space: dict[str, Sequence[int] | Span] = {
        "fast": Span(2, 50),
        "slow": [20, 50, 100],
        "share": Span(0.001, 1.0, log=True),
    }
    one, same, other = (random_points(space, 50, seed, ["fast < slow"]) for seed in (7, 7, 8))
    assert one == same != other
    assert len({tuple(point.values()) for point in one}) == 50
    assert all(point["fast"] < point["slow"] and 0.001 <= point["share"] <= 1 for point in one)
    assert all(isinstance(point["fast"], int) for point in one)


def test_a_space_with_few_points_gives_what_it_has() -> None:
    assert sorted(point["a"] for point in random_points({"a": [1, 2, 3]}, 50, 1)) == [1, 2, 3]


def test_folds_follow_each_other_up_to_the_last_bar() -> None:
    assert walk_forward(100, 3, train=0.7) == [Fold(0, 46, 46, 64), Fold(18, 64, 64, 82), Fold(36, 82, 82, 100)]
    anchored = walk_forward(100, 3, train=0.7, anchored=True, gap=5)
    assert [fold.train_start for fold in anchored] == [0, 0, 0]
    assert all(fold.test_start - fold.train_end == 5 for fold in anchored)
    assert anchored[-1].test_end == 100
    with pytest.raises(StrategyError, match="too few"):
        walk_forward(5, 10)


def scored(*rows: tuple[int, int, float | None]) -> list[Scored]:
    return [Scored(n, {"x": x, "y": y}, {"sharpe": s, "trades": 10.0 * n}) for n, (x, y, s) in enumerate(rows)]


def test_the_best_point_keeps_the_constraints_and_the_earlier_of_equals_wins() -> None:
    tried = scored((1, 1, 2.0), (1, 2, None), (2, 1, 1.5), (2, 2, 1.5))
    assert best(tried, "sharpe").number == 0  # type: ignore[union-attr]
    assert best(tried, "sharpe", constraints=["trades >= 10"]).number == 2  # type: ignore[union-attr]
    assert best(tried, "sharpe", maximise=False).number == 2  # type: ignore[union-attr]
    assert best(tried, "calmar") is None


def test_a_heat_map_has_a_row_for_each_value_of_y() -> None:
    tried = scored((1, 1, 2.0), (1, 1, 4.0), (2, 1, 1.0), (2, 2, None))
    assert heat_map(tried, "x", "y", "sharpe")["z"] == [[4.0, 1.0], [None, None]]
    assert heat_map(tried, "x", "y", "sharpe", reduce="mean")["z"] == [[3.0, 1.0], [None, None]]
    assert heat_map(tried, "x", "y", "sharpe", reduce="best", maximise=False)["z"][0] == [2.0, 1.0]
    with pytest.raises(StrategyError, match="does not have that parameter"):
        heat_map(tried, "x", "z", "sharpe")
