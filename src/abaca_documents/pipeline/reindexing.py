"""A collection's next index, built beside the one that answers, and the switch to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import msgspec

from abaca_documents.errors import Conflict, DocumentNotFound
from abaca_documents.model import (
    ChunkSettings,
    Collection,
    Document,
    DocumentFilter,
    Index,
    ReindexResult,
)
from abaca_documents.pipeline.ingest import Ingest
from abaca_documents.pipeline.parts import Parts

_PAGE = 100
Told = Callable[[int, int], None]


async def prepare(parts: Parts, name: str, embedder: str | None, chunking: ChunkSettings | None) -> Index:
    """The index that is to be built. An upload that finishes from now on is written to both. A second call with the
    same wishes goes on with the same index. Raises ``Conflict`` while another reindex builds another one."""
    if chunking is not None:
        chunking.validate()

    def change(before: Collection) -> Collection | None:
        chosen = parts.embedder_of(embedder or before.index.embedder)
        wanted = (chosen.name, chunking or before.index.chunking)
        if before.building is not None:
            if (before.building.embedder, before.building.chunking) != wanted:
                raise Conflict("reindex", name, more=f"index {before.building.number} is being built already")
            return None
        number = before.last_index + 1
        index = Index(number=number, embedder=chosen.name, dimension=chosen.dimension, chunking=wanted[1])
        return msgspec.structs.replace(before, building=index, last_index=number)

    collection = await parts.repository.change_collection(name, change, "reindex")
    assert collection.building is not None
    return collection.building


async def build(parts: Parts, name: str, index: Index, told: Told) -> ReindexResult:
    """Write every document that a search may find into the index, and let it answer in place of the old one.

    A document whose visible generation lies in the index already is passed over, so a run that was interrupted goes on
    where it was.
    """
    embedded, seen = 0, 0
    while True:
        left = [each async for each in _outside(parts, name, index.number)]
        if not left:
            break
        for document in left:
            embedded += await _moved(parts, document, index)
            seen += 1
            told(seen, len(left))
    old = await _switch(parts, name, index.number)
    async for document in _outside(parts, name, index.number):  # finished while the switch was made
        embedded += await _moved(parts, document, index)
    if old is not None:
        await parts.vectors.drop_space(name, old)
    stats = await parts.repository.collection_stats(name)
    return ReindexResult(
        collection=name, index=index.number, documents=stats.documents, chunks=stats.chunks, embedded=embedded
    )


async def _outside(parts: Parts, name: str, index: int) -> AsyncIterator[Document]:
    """Searchable documents that the index does not hold whole."""
    cursor = None
    while True:
        page = await parts.repository.list(DocumentFilter(collection=name), cursor=cursor, limit=_PAGE)
        for document in page.items:
            if document.is_searchable and document.index < index:
                yield document
        cursor = page.cursor
        if cursor is None:
            return


async def _moved(parts: Parts, document: Document, index: Index) -> int:
    """Write the visible generation of a document into the index; how many texts had to be embedded."""
    collection = await parts.repository.get_collection(document.collection)
    ingest = Ingest(parts, document, document.generation)
    title = await ingest.title()
    chunks = await ingest.chunk(index)
    made = await ingest.embed(index)
    metadata = ingest.metadata_of(document, title)
    await ingest.store(collection, index, await ingest.chunks(index, metadata))
    is_behind = True

    def change(before: Document) -> Document | None:
        nonlocal is_behind
        is_behind = before.generation == document.generation and ingest.metadata_of(before, title) != metadata
        if is_behind or before.generation != document.generation or before.index >= index.number:
            return None
        return msgspec.structs.replace(before, index=index.number, chunk_count=chunks)

    await parts.outputs.drop(document.id)
    try:
        while is_behind:
            after = await parts.repository.change(document.id, change, "reindex")
            if is_behind:  # somebody changed its metadata while its chunks were written
                metadata = ingest.metadata_of(after, title)
                await parts.vectors.describe(collection.name, index.number, document.id, document.generation, metadata)
    except DocumentNotFound:
        await parts.vectors.sweep(document.collection, index.number, document.id)
    return made.embedded


async def _switch(parts: Parts, name: str, number: int) -> int | None:
    """Let the index answer; the number of the one before, ``None`` when that was done already."""
    old: int | None = None

    def change(before: Collection) -> Collection | None:
        nonlocal old
        old = None
        if before.building is None or before.building.number != number:
            return None
        old = before.index.number
        return msgspec.structs.replace(before, index=before.building, building=None)

    await parts.repository.change_collection(name, change, "reindex")
    return old
