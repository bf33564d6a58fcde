"""Back-off and the question whether a rule covers an error."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abaca.model import Backoff, Delays, ErrorInfo, Exponential, Fixed, Linear, Quadratic, RetryRule
from abaca.policy.retry import DEFAULT_RULE, NAMED_BACKOFFS, backoff_seconds, retries

attempts = st.integers(1, 10_000)
draws = st.floats(0, 1, exclude_max=True)
seconds = st.floats(0, 1e6)


@pytest.mark.parametrize(
    ("backoff", "expected"),
    [
        (Exponential(base=2, factor=2, cap=300, jitter="none"), [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]),
        (Exponential(base=1, factor=3, cap=50, jitter="none"), [1, 3, 9, 27, 50, 50]),
        (Exponential(base=5, factor=1, cap=300, jitter="none"), [5, 5, 5]),
        (Fixed(delay=7), [7, 7, 7]),
        (Linear(step=5, cap=12), [5, 10, 12, 12]),
        (Quadratic(step=2, cap=30), [2, 8, 18, 30, 30]),
        (Delays(seconds=(1, 10, 60)), [1, 10, 60, 60, 60]),
        (Delays(), [0, 0]),
    ],
)
def test_each_formula(backoff: Backoff, expected: list[float]) -> None:
    # Given a back-off without jitter
    # When runs fail one after the other
    waits = [backoff_seconds(backoff, attempt, lambda: 0.0) for attempt in range(1, len(expected) + 1)]
    # Then the waits are those of its formula
    assert waits == expected


@pytest.mark.parametrize(("draw", "share"), [(0.0, 0.0), (0.25, 0.25), (0.5, 0.5)])
def test_full_jitter_draws_a_share_of_the_whole_wait(draw: float, share: float) -> None:
    # Given the default back-off at its third failure, eight seconds
    # When the draw is a share
    wait = backoff_seconds(Exponential(), 3, lambda: draw)
    # Then the wait is that share of it
    assert wait == 8 * share


@given(base=seconds, factor=st.floats(0, 1e9), cap=seconds, attempt=attempts, draw=draws)
def test_exponential_stays_between_zero_and_its_cap(
    base: float, factor: float, cap: float, attempt: int, draw: float
) -> None:
    # Given any exponential back-off, however steep
    backoff = Exponential(base=base, factor=factor, cap=cap)
    # When any attempt fails
    wait = backoff_seconds(backoff, attempt, lambda: draw)
    # Then the wait is a number within bounds
    assert 0 <= wait <= cap


@given(backoff=st.sampled_from([Exponential(jitter="none"), Linear(), Quadratic(), Fixed()]), attempt=attempts)
def test_waits_never_shrink(backoff: Backoff, attempt: int) -> None:
    # Given a back-off without jitter
    # When one more attempt fails
    waits = [backoff_seconds(backoff, number, lambda: 0.0) for number in (attempt, attempt + 1)]
    # Then its wait is at least that of the one before
    assert waits[0] <= waits[1]


@given(step=seconds, cap=seconds, attempt=attempts)
def test_linear_and_quadratic_stay_below_their_cap(step: float, cap: float, attempt: int) -> None:
    # Given any step and cap
    # When any attempt fails
    waits = [backoff_seconds(kind(step=step, cap=cap), attempt, lambda: 0.0) for kind in (Linear, Quadratic)]
    # Then no wait is above the cap
    assert all(0 <= wait <= cap and math.isfinite(wait) for wait in waits)


@given(listed=st.lists(seconds, min_size=1, max_size=9), attempt=attempts)
def test_the_last_listed_delay_repeats(listed: list[float], attempt: int) -> None:
    # Given a list of delays
    # When an attempt fails
    wait = backoff_seconds(Delays(seconds=tuple(listed)), attempt, lambda: 0.0)
    # Then its own delay is waited for, or the last one when the list is too short
    assert wait == listed[min(attempt - 1, len(listed) - 1)]


def error(*kinds: str) -> ErrorInfo:
    return ErrorInfo(type=kinds[0] if kinds else "a.B", kinds=kinds)


@pytest.mark.parametrize(
    ("on", "kinds", "covered"),
    [
        ((), ("app.Broken", "builtins.Exception"), True),
        ((), (), True),
        (("builtins.OSError",), ("builtins.FileNotFoundError", "builtins.OSError", "builtins.Exception"), True),
        (("builtins.FileNotFoundError",), ("builtins.OSError", "builtins.Exception"), False),
        (("builtins.ValueError", "builtins.OSError"), ("builtins.OSError", "builtins.Exception"), True),
        (("builtins.ValueError",), ("builtins.OSError", "builtins.Exception"), False),
        (("OSError",), ("builtins.OSError",), False),
        (("builtins.OSError",), (), False),
    ],
)
def test_a_rule_covers_by_the_names_of_the_classes(on: tuple[str, ...], kinds: tuple[str, ...], covered: bool) -> None:
    # Given a rule that names classes, or none
    rule = RetryRule(on=on)
    # When an error of certain classes is judged
    # Then it is covered when one of them is named, or when the rule names none
    assert retries(rule, error(*kinds)) is covered


def test_the_default_is_four_attempts_with_full_jitter() -> None:
    # Given no rule at all
    # When the default is read
    # Then it is the documented one
    assert (
        RetryRule(max_attempts=4, backoff=Exponential(base=2.0, factor=2.0, cap=300.0, jitter="full"), on=())
        == DEFAULT_RULE
    )


def test_names_stand_for_the_formulas() -> None:
    # Given the names that a task may use
    # When their second waits are computed
    waits = {name: backoff_seconds(backoff, 2, lambda: 0.5) for name, backoff in NAMED_BACKOFFS.items()}
    # Then each is that of its formula with its defaults
    assert waits == {"none": 0.0, "fixed": 5.0, "linear": 10.0, "quadratic": 4.0, "exponential": 2.0}
