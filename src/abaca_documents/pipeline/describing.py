"""Metadata and title that somebody changed by hand, on their way to the chunks that searches find.

The document's own write says that its chunks are behind, ``is_described``, until all of them carry what it says. Where
metadata and vectors are one file, all of it is one transaction.
"""

from __future__ import annotations

import msgspec

from abaca_documents.errors import CollectionNotFound, Conflict
from abaca_documents.model import Document, Metadata
from abaca_documents.pipeline.parts import Parts

_ROUNDS = 20
"""How often a document is described anew because it was changed meanwhile."""


async def update(parts: Parts, id: str, fields: Metadata) -> Document:
    """Change fields by name, as a client gives them. The revision stays, and nothing is embedded. Raises what
    ``Repository.update`` raises; after anything else, calling it again ends what was begun."""
    async with parts.repository.together():
        await parts.repository.update(id, fields)
        return await describe(parts, id)


async def describe(parts: Parts, id: str) -> Document:
    """Let the chunks of the visible generation carry what their document says. Raises ``Conflict``."""
    for _ in range(_ROUNDS):
        async with parts.repository.together():
            document = await parts.repository.get(id)
            if document.is_described or not document.is_searchable:
                return document
            await _written(parts, document)
            if (document := await _noted(parts, document)).is_described:
                return document
    raise Conflict("describe", id)


async def _written(parts: Parts, document: Document) -> None:
    try:
        collection = await parts.repository.get_collection(document.collection)
    except CollectionNotFound:
        return
    for index in (collection.index, collection.building):
        if index is not None:
            await parts.vectors.describe(
                document.collection, index.number, document.id, document.generation, document.carried
            )


async def _noted(parts: Parts, document: Document) -> Document:
    """Only where the document still says what was written."""

    def change(before: Document) -> Document | None:
        if (before.generation, before.carried) != (document.generation, document.carried):
            return None
        return msgspec.structs.replace(before, is_described=True)

    return await parts.repository.change(document.id, change, "describe")
