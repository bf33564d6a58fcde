"""Jobs and metadata in Redis, chunks and vectors in a Chroma server, and the work in a process of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from abaca import App
from abaca_documents.library import Library
from abaca_documents.model import CollectionRequest, DocumentStatus, SearchMode, SearchRequest
from abaca_documents.plugin import PLUGIN
from abaca_documents.vectors.chroma.store import ChromaVectors
from benchmarks.documents_stores import HAS_CHROMA, chroma_server
from tests.documents_chroma.shop import STOPS
from tests.documents_proof.ground import environment
from tests.documents_search.models import needs_static
from tests.integration.crew import crew, eventually

SHOP = "tests.documents_chroma.shop:app"
LONG = 150
ROSES = b"Roses are pruned in the early spring, when the frost is over.\n\nTheir thorns protect the stems.\n"
LATER = b"Orchids are watered once a week, and never stand in the sun.\n\nTheir flowers last for months.\n"
TAXES = b"The tax on wages is paid by the employer.\n\nA levy on property is due in autumn.\n"
pytestmark = [
    pytest.mark.skipif(not HAS_CHROMA, reason="Chroma is not installed: make test-chroma runs this"),
    pytest.mark.redis,
    pytest.mark.timeout(400),
    needs_static,
]


@asynccontextmanager
async def library_on(url: str) -> AsyncIterator[Library]:
    async with App(url, name="served", plugins=[PLUGIN]) as app:
        library = Library.of(app)
        yield library
        await library.close()


@pytest.fixture
async def library(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Library]:
    async with chroma_server(tmp_path) as chroma:
        for name, value in (environment(tmp_path) | {"ABACA_DOCUMENTS_VECTORS": chroma}).items():
            monkeypatch.setenv(name, value)
        async with library_on(redis_url) as library:
            await library.create_collection(CollectionRequest(name="books", embedder="static"))
            yield library


async def names(library: Library, query: str, mode: SearchMode) -> list[str]:
    """Of the documents that are found, the best first."""
    request = SearchRequest(query=query, collection="books", mode=mode, group_by_document=True)
    return [each.filename for each in (await library.search(request)).results]


async def held(library: Library) -> dict[str, dict[int, int]]:
    return await library.opened().parts.vectors.count("books", 1)


async def test_documents_come_change_and_go(
    library: Library, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = {"queues": "documents", "concurrency": "2", "lease": "10s"}
    with crew(redis_url, 1, SHOP, **flags) as (worker,):
        # Given two documents that a worker took in
        for name, text in (("garden.txt", ROSES), ("law.txt", TAXES)):
            added = await library.add(text, collection="books", filename=name)
            assert added.job is not None
            assert (await added.job.result(timeout=LONG)).status is DocumentStatus.COMPLETED
    # Then its log does not tell of each request to Chroma
    assert "HTTP Request" not in worker.log
    # And each is found by meaning, by its words and by both, and another machine finds the same
    async with library_on(redis_url) as other:
        for mode in SearchMode:
            for query, wanted in (("when are roses pruned", "garden.txt"), ("who has to pay tax", "law.txt")):
                assert (await names(library, query, mode))[0] == wanted
                assert await names(other, query, mode) == await names(library, query, mode)
    # When one is replaced, and the worker is killed when the new chunks are stored and before they are switched to
    monkeypatch.setenv(STOPS, str(tmp_path / "stored"))

    async def is_stored() -> bool | None:
        return (tmp_path / "stored").exists() or None

    replaced = await library.add(LATER, collection="books", filename="garden.txt")
    assert replaced.job is not None
    id = replaced.document.id
    with crew(redis_url, 1, SHOP, **flags) as (worker,):
        await eventually(is_stored)
        worker.kill()
    # Then both lie in the store, and only the old one is found
    assert len((await held(library))[id]) == 2
    for mode in SearchMode:
        found = await library.search(SearchRequest(query="orchids in the sun, or roses", collection="books", mode=mode))
        assert not any("rchid" in each.text for each in found.results)
        assert any("Roses" in each.text for each in found.results)
    # When a worker comes again
    monkeypatch.delenv(STOPS)
    with crew(redis_url, 1, SHOP, **flags):
        result = await replaced.job.result(timeout=LONG)
        assert result.status is DocumentStatus.COMPLETED
        # Then the new one is there once, the old one is gone, and the other document is as it was
        document = await library.documents.get(id)
        assert (await held(library))[id] == {document.generation: document.chunk_count}
        for mode in SearchMode:
            assert (await names(library, "watering orchids", mode))[0] == "garden.txt"
        assert await names(library, "roses pruned", SearchMode.KEYWORD) == []
        # When it is deleted it is found no more, and after the purge nothing of it is there
        await library.delete(id)
        for mode in SearchMode:
            assert "garden.txt" not in await names(library, "watering orchids", mode)
        await (await library.tasks.document_delete.enqueue(id)).result(timeout=LONG)
    assert set(await held(library)) == {each.id for each in (await library.documents.list()).items}
    assert b"rchid" not in await everything(library)
    assert await library.documents.audit() == []


async def everything(library: Library) -> bytes:
    """Every text and record that the Chroma server gives out."""

    store = library.opened().parts.vectors
    assert isinstance(store, ChromaVectors)
    return await store._chroma.run(
        lambda client: b"".join(
            repr(each.get(include=["documents", "metadatas"])).encode() for each in client.list_collections()
        )
    )
