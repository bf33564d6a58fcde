"""Deletion for good: afterwards no store holds anything of a document."""

from __future__ import annotations

from datetime import datetime

import msgspec

from abaca_documents.errors import CollectionNotFound, DocumentNotFound
from abaca_documents.model import Collection, DeleteResult, Document, DocumentFilter, DocumentStatus
from abaca_documents.pipeline.beginning import keeper
from abaca_documents.pipeline.parts import Parts

_BATCH = 100


async def purge(parts: Parts, id: str) -> DeleteResult:
    """Forget a deleted document: its vectors and chunks, what stages left, the vectors that were kept of its texts, its
    bytes, and last its record. One that is not deleted, or not there, is left as it is. Each step may be repeated. Call
    ``scrub`` behind it."""

    def change(before: Document) -> Document | None:
        if before.status is not DocumentStatus.DELETED or before.is_purging:
            return None
        return msgspec.structs.replace(before, is_purging=True)

    try:
        document = await parts.repository.change(id, change, "purge")
    except DocumentNotFound:
        return DeleteResult()
    if not document.is_purging:
        return DeleteResult()
    chunks = 0
    for collection, index in await parts.vectors.spaces():
        if collection == document.collection:
            chunks += await parts.vectors.sweep(collection, index, id)
    await parts.outputs.drop(id)
    await parts.cache.forget(id)
    blobs = 0
    for each in document.revisions:
        blobs += await parts.blobs.release(each.content_hash, keeper(id, each.job_id))
    await parts.repository.purge(id)
    return DeleteResult(documents=1, chunks=chunks, blobs=blobs)


async def scrub(parts: Parts) -> None:
    """Leave nothing of what was purged on the disk. Where somebody reads an older state meanwhile something may stay:
    the next clean-up does it again."""
    await parts.vectors.scrub()
    await parts.cache.scrub()


async def purge_before(parts: Parts, before: datetime, limit: int = 1000) -> DeleteResult:
    """Purge what was deleted before a time, the oldest deletion first. Call ``scrub`` behind it."""
    total = DeleteResult()
    while total.documents < limit:
        found = await parts.repository.deleted_before(before, min(_BATCH, limit - total.documents))
        if not found:
            break
        for document in found:
            total = added(total, await purge(parts, document.id))
    return total


async def delete_collection(parts: Parts, name: str) -> DeleteResult:
    """A collection with all that is in it. No upload into it succeeds from the first write on. May be repeated."""

    def change(before: Collection) -> Collection | None:
        return None if before.is_deleting else msgspec.structs.replace(before, is_deleting=True)

    total = DeleteResult()
    try:
        await parts.repository.change_collection(name, change, "delete_collection")
    except CollectionNotFound:
        return total
    await parts.repository.clear_collection(name)
    while True:
        page = await parts.repository.list(DocumentFilter(collection=name, include_deleted=True), limit=_BATCH)
        for document in page.items:
            await parts.repository.delete(document.id)
            total = added(total, await purge(parts, document.id))
        if not page.items:
            break
    for collection, index in await parts.vectors.spaces():
        if collection == name:
            await parts.vectors.drop_space(collection, index)
    await parts.repository.drop_collection(name)
    await scrub(parts)
    return total


def added(one: DeleteResult, other: DeleteResult) -> DeleteResult:
    return DeleteResult(
        documents=one.documents + other.documents, chunks=one.chunks + other.chunks, blobs=one.blobs + other.blobs
    )
