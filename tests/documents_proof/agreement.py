"""Whether the stores of a library agree with each other, down to every chunk, vector, word and byte."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import apsw

from abaca_documents.blobs import FolderBlobs
from abaca_documents.library import Library
from abaca_documents.model import Document, DocumentFilter, DocumentStatus
from abaca_documents.pipeline.beginning import keeper
from abaca_documents.settings import places

NO_CHUNK_TWICE = """SELECT h.document FROM vector_chunks AS c JOIN vector_holdings AS h ON h.id = c.holding
GROUP BY h.id
HAVING count(*) <> count(DISTINCT c.position) OR count(*) <> max(c.position) + 1 OR min(c.position) <> 0"""
WITHOUT_HOLDING = "SELECT id FROM vector_chunks WHERE holding NOT IN (SELECT id FROM vector_holdings)"
OF_SPACE = """SELECT c.id FROM vector_chunks AS c JOIN vector_holdings AS h ON h.id = c.holding
WHERE h.space = ? AND c.is_parent = 0"""


async def documents(library: Library, collection: str | None = None) -> list[Document]:
    """All of a collection, or of all of them; deleted ones too."""
    return [each async for each in _listed(library, collection)]


async def _listed(library: Library, collection: str | None) -> AsyncIterator[Document]:
    cursor = None
    while True:
        filter = DocumentFilter(collection=collection, include_deleted=True)
        page = await library.documents.list(filter, cursor=cursor, limit=500)
        for document in page.items:
            yield document
        cursor = page.cursor
        if cursor is None:
            return


async def disagreements(library: Library, collection: str, *, is_at_rest: bool = True) -> list[str]:
    """What is wrong, in words. ``is_at_rest`` says that no job is under way and leftovers were cleared up."""
    parts = library.opened().parts
    known = await documents(library, collection)
    wrong = list(await library.documents.audit())
    number = (await library.documents.get_collection(collection)).index.number
    held = await parts.vectors.count(collection, number)
    wanted = {each.id: each.generation for each in known if each.is_searchable}
    for document in known:
        chunks = held.get(document.id, {}).get(document.generation, 0)
        if document.is_searchable and document.chunk_count > chunks:
            wrong.append(f"{document.filename}: {chunks} of its {document.chunk_count} chunks are stored")
    if is_at_rest:
        for id, generations in held.items():
            if set(generations) != {wanted.get(id, 0)}:
                wrong.append(f"chunks of {id} in generations {sorted(generations)}, of which {wanted.get(id)} is seen")
        stats = await library.documents.collection_stats(collection)
        seen = sum(each.chunk_count for each in known if each.status is not DocumentStatus.DELETED)
        if stats.chunks != seen:
            wrong.append(f"{stats.chunks} chunks are counted, {seen} are those of the documents")
        for document in known:
            if document.status not in (DocumentStatus.COMPLETED, DocumentStatus.FAILED, DocumentStatus.DELETED):
                wrong.append(f"{document.filename} is {document.status}")
            if document.status is DocumentStatus.FAILED and not document.error:
                wrong.append(f"{document.filename} failed without a reason")
        wrong += [f"put aside: {path}" for path in await asyncio.to_thread(_outputs, parts.outputs.root)]
    wrong += await asyncio.to_thread(faults_of, places(library.app).file)
    return wrong + await _blobs(library, await documents(library), is_at_rest)


def faults_of(path: Path) -> list[str]:
    """Of all spaces in a file: chunks without a holding, positions that are double or missing, and chunks, vectors,
    codes and words that have no partner."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.set_busy_timeout(30_000)
        connection.execute("BEGIN")
        return _faults(connection)
    finally:
        connection.close()


def _faults(connection: apsw.Connection) -> list[str]:
    def ids(statement: str, *given: object) -> set[object]:
        return {id for (id,) in connection.execute(statement, given)}

    wrong = [f"{id}: a chunk is double or missing" for id in ids(NO_CHUNK_TWICE)]
    wrong += [f"chunk {id} belongs to nothing" for id in ids(WITHOUT_HOLDING)]
    for space, collection in connection.execute("SELECT id, collection FROM vector_spaces").fetchall():
        chunks = ids(OF_SPACE, space)
        for table, column in (("vectors", "id"), ("codes", "id"), ("words", "id")):
            name = f"{table}_{space}_docsize" if table == "words" else f"{table}_{space}"
            found = ids(f"SELECT {column} FROM {name}")
            if found != chunks:
                wrong.append(f"{collection}: {len(chunks)} chunks, {len(found)} of them in {table}")
    return wrong


async def _blobs(library: Library, known: list[Document], is_at_rest: bool) -> list[str]:
    """Bytes of every visible revision are referred to by it, and nothing refers to bytes that is not a revision."""
    blobs = library.opened().parts.blobs
    assert isinstance(blobs, FolderBlobs)
    revisions = {
        keeper(document.id, each.job_id): (document, each) for document in known for each in document.revisions
    }
    found: Counter[str] = Counter()
    wrong = []
    async for digest in blobs.digests():
        for by in await blobs.references(digest):
            found[by] += 1
            if by not in revisions and is_at_rest:
                wrong.append(f"{by} refers to bytes and is no revision")
            elif by in revisions and revisions[by][1].content_hash != digest:
                wrong.append(f"{by} refers to other bytes than its own")
        if is_at_rest and not await blobs.references(digest):
            wrong.append(f"nobody refers to the bytes {digest}")
    for by, (document, revision) in revisions.items():
        if document.generation == revision.generation and not found[by]:
            wrong.append(f"{document.filename}: nobody refers to its bytes")
    return wrong


def _outputs(root: Path) -> list[Path]:
    return list(root.glob("*/*"))
