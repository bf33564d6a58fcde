"""A service of documents with a worker in this process, and the fast model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from abaca import App
from abaca_documents.plugin import PLUGIN
from tests.documents_web.calling import Shelf
from tests.http.harness import serving


@pytest.fixture(autouse=True)
def static_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABACA_DOCUMENTS_EMBEDDER", "static")


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    """With a worker."""
    app = App(f"sqlite:///{tmp_path}/jobs.db", plugins=[PLUGIN], poll_interval=0.1)
    async with serving(app) as api, app.worker(queues=PLUGIN.queues):
        yield Shelf(api)


@pytest.fixture
async def quiet() -> AsyncIterator[Shelf]:
    """Without one: nothing is ever taken in."""
    async with serving(App("memory://", plugins=[PLUGIN])) as api:
        yield Shelf(api)


@pytest.fixture
async def still(tmp_path: Path) -> AsyncIterator[Shelf]:
    """Without one, on files in ``tmp_path``."""
    async with serving(App(f"sqlite:///{tmp_path}/jobs.db", plugins=[PLUGIN])) as api:
        yield Shelf(api)
