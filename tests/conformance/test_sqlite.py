"""SQLite against the suite."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from abaca.backend import Backend
from abaca.backends import open_backend
from abaca.testing import ManualClock
from abaca.testing.conformance import *  # noqa: F403


@pytest.fixture
async def store(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Backend]:
    backend = open_backend(sqlite_url, clock)
    await backend.open()
    yield backend
    await backend.close()


@pytest.fixture
async def live_store(sqlite_url: str) -> AsyncIterator[Backend]:
    backend = open_backend(sqlite_url)
    await backend.open()
    yield backend
    await backend.close()
