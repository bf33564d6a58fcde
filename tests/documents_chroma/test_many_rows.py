"""A Chroma server with more rows than one of its answers can hold."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from abaca_documents.libraryfile import LibraryFile
from abaca_documents.protocols import VectorStore
from abaca_documents.vectors.chroma import shelf
from benchmarks.documents_stores import HAS_CHROMA, opened
from tests.documents_search.test_vectors import SPACE, chunk

DOCUMENTS, EACH = 5, 4
pytestmark = pytest.mark.skipif(not HAS_CHROMA, reason="Chroma is not installed: make test-chroma runs this")


@pytest.fixture
async def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[VectorStore]:
    """With five documents of four chunks, of which an answer holds three."""
    monkeypatch.setattr(shelf, "READ", 3)
    file = LibraryFile(tmp_path / "library.db")
    async with opened("chroma-server", file, tmp_path) as made:
        await made.open_space(SPACE)
        for document in range(DOCUMENTS):
            await made.put(
                SPACE, [chunk(f"gate {document} {at}", document=f"d{document}", index=at) for at in range(EACH)]
            )
        yield made
    await file.close()


async def test_all_are_counted_found_and_deleted(store: VectorStore) -> None:
    # When they are counted, Then none is missing, and none is there twice
    assert await store.count("papers", 1) == {f"d{document}": {1: EACH} for document in range(DOCUMENTS)}
    # And by a word all are found, by a filter of chunks those that pass
    assert len(await store.matching(SPACE, "gate", 100, {})) == DOCUMENTS * EACH
    assert len(await store.nearest(SPACE, chunk("").embedding or b"", 100, {"chunk_index": {"$gte": 2}})) == 10
    some = {"document_id": {"$ne": "d0"}}
    assert len(await store.matching(SPACE, "gate", 100, some)) == (DOCUMENTS - 1) * EACH
    assert len(await store.nearest(SPACE, chunk("").embedding or b"", 12, some)) == 12
    # When one document is swept, Then all of it goes
    assert await store.sweep("papers", 1, "d3") == EACH
    assert await store.count("papers", 1) == {f"d{document}": {1: EACH} for document in (0, 1, 2, 4)}
