"""The clock that the stores under test go by."""

from __future__ import annotations

import pytest

from abaca.testing import ManualClock

pytest.register_assert_rewrite("tests.hostile.damage")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()
