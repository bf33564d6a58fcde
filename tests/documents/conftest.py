"""A registry on each store that it can live in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from abaca import App
from abaca_documents.libraryfile import LibraryFile
from abaca_documents.protocols import Repository
from abaca_documents.registry import FileRegistry, RecordRegistry
from tests.documents.making import collection

STORES = ("memory", "file", pytest.param("redis", marks=pytest.mark.redis))


@pytest.fixture(autouse=True)
def first_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Generations are counted from 1 here, where they begin with the time."""
    monkeypatch.setattr("abaca_documents.pipeline.beginning.first_generation", lambda: 0)


@pytest.fixture(params=STORES)
async def bare(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Repository]:
    """An empty registry."""
    if request.param == "file":
        repository: Repository = FileRegistry(LibraryFile(tmp_path / "library.db", synchronous="OFF"))
        yield repository
        await repository.close()
        return
    url = request.getfixturevalue("redis_url") if request.param == "redis" else "memory://"
    async with App(url) as app:
        yield RecordRegistry(app.records)


@pytest.fixture
async def registry(bare: Repository) -> AsyncIterator[Repository]:
    """A registry with two empty collections, ``books`` and ``notes``; its indices agree with it in the end."""
    await bare.create_collection(collection("books"))
    await bare.create_collection(collection("notes"))
    yield bare
    assert await bare.audit() == []
