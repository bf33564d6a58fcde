from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from abaca import App
from tests.chaos.ground import Yard
from tests.integration.conftest import shared_url

__all__ = ["shared_url"]


@pytest.fixture
async def ground(shared_url: str, tmp_path: Path) -> AsyncIterator[Yard]:
    async with App(shared_url) as app:
        yield Yard(app, tmp_path)
