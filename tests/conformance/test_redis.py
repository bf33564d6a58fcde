"""Redis against the suite."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from abaca.backend import Backend
from abaca.backends import open_backend
from abaca.testing import ManualClock
from abaca.testing.conformance import *  # noqa: F403

pytestmark = pytest.mark.redis


@pytest.fixture
async def store(redis_url: str, clock: ManualClock) -> AsyncIterator[Backend]:
    backend = open_backend(redis_url, clock)
    await backend.open()
    yield backend
    await backend.close()


@pytest.fixture
async def live_store(redis_url: str) -> AsyncIterator[Backend]:
    backend = open_backend(redis_url)
    await backend.open()
    yield backend
    await backend.close()
