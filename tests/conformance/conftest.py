"""The clock that the stores under test go by, and readable failures from the exported suite."""

from __future__ import annotations

import pytest

from abaca.testing import ManualClock

pytest.register_assert_rewrite("abaca.testing.conformance")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()
