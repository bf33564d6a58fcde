"""The clock that the stores under test go by."""

from __future__ import annotations

import pytest

from abaca.testing import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()
