"""The clock that the stores under test go by, and the stores that a program can name by URL, each in turn."""

from __future__ import annotations

import pytest

from abaca.testing import ManualClock
from tests.integration.conftest import shared_url, store_url

__all__ = ["clock", "shared_url", "store_url"]

pytest.register_assert_rewrite("tests.hostile.damage")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()
