"""The documents that a filter means, one collection at a time, by the shortest stretch of records that holds them."""

from __future__ import annotations

from collections.abc import AsyncIterator

from abaca_documents.model import Document, DocumentFilter
from abaca_documents.registry import layout
from abaca_documents.registry.asking import fits_status, question
from abaca_documents.registry.recording import Records, read_documents, scanned


async def walk(
    records: Records, filter: DocumentFilter, collection: str, after: str = "", page: int = 200
) -> AsyncIterator[Document]:
    """The newest first, behind the place ``after``."""
    fits = question(filter)
    ids: list[str] = []
    async for id in _candidates(records, filter, collection, after, page):
        ids.append(id)
        if len(ids) == page:
            for document in await read_documents(records, ids):
                if document is not None and fits(document):
                    yield document
            ids = []
    for document in await read_documents(records, ids):
        if document is not None and fits(document):
            yield document


async def _candidates(
    records: Records, filter: DocumentFilter, collection: str, after: str, page: int
) -> AsyncIterator[str]:
    prefix = ""
    if filter.content_hash:
        prefix = layout.hash_prefix(collection, filter.content_hash)
    elif filter.filename is not None:
        prefix = layout.name_prefix(collection, filter.filename)
    if prefix:
        async for key in scanned(records, layout.KEY, prefix, after, page):
            yield layout.split_place(key.id)
        return
    async for line in scanned(records, layout.line_kind(collection), "", after, page):
        told = layout.read_line(line.data or b"")
        if fits_status(filter, told.status):
            yield layout.split_place(line.id)
