"""Durations as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from abaca import ConfigError
from abaca.durations import Duration, parse_duration


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        (0, 0),
        (1, 1000),
        (0.25, 250),
        (0.0001, 1),
        (0.05, 50),
        (timedelta(minutes=2), 120_000),
        ("50ms", 50),
        ("30s", 30_000),
        ("1.5m", 90_000),
        (" 1h ", 3_600_000),
        ("2d", 172_800_000),
    ],
)
def test_a_duration_is_read_into_whole_milliseconds(value: Duration, ms: int) -> None:
    assert parse_duration(value, "timeout") == ms


@pytest.mark.parametrize(
    "value",
    [
        -1,
        float("nan"),
        float("inf"),
        1e12,
        "",
        "5",
        "5 weeks",
        "-1s",
        "\u0665s",
        True,
        None,
        timedelta(seconds=-1),
        "1e9d",
    ],
)
def test_what_is_no_usable_duration_is_refused_with_the_settings_name(value: Duration) -> None:
    with pytest.raises(ConfigError, match=r"^timeout: ") as refused:
        parse_duration(value, "timeout")
    assert repr(value) in str(refused.value)
