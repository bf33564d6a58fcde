"""The store in memory against the suite."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from abaca.backend import Backend
from abaca.backends import open_backend
from abaca.testing import ManualClock
from abaca.testing.conformance import *  # noqa: F403


@pytest.fixture
async def store(clock: ManualClock) -> AsyncIterator[Backend]:
    backend = open_backend("memory://", clock)
    await backend.open()
    yield backend
    assert await backend.audit() == []
    await backend.close()


@pytest.fixture
async def live_store() -> AsyncIterator[Backend]:
    backend = open_backend("memory://")
    await backend.open()
    yield backend
    assert await backend.audit() == []
    await backend.close()
