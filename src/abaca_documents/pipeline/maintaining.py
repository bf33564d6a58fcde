"""Finds what crashes left behind, and removes it. Safe at any time, from any process."""

from __future__ import annotations

from abaca_documents.errors import CollectionNotFound
from abaca_documents.model import Document, DocumentStatus
from abaca_documents.model.base import Value
from abaca_documents.pipeline.beginning import keeper
from abaca_documents.pipeline.parts import Parts

_BATCH = 200
DAY = 86_400.0


class Swept(Value, frozen=True, kw_only=True):
    """``reconciled`` are documents that were ended because their job will not do it."""

    chunks: int = 0
    spaces: int = 0
    files: int = 0
    reconciled: int = 0


async def sweep(parts: Parts) -> Swept:
    """Chunks of generations that neither answer nor are under way, spaces of collections that are gone, bytes and
    outputs of nobody."""
    chunks, spaces = 0, 0
    for name, index in await parts.vectors.spaces():
        if await _is_wanted(parts, name, index):
            chunks += await _swept_space(parts, name, index)
        else:
            await parts.vectors.drop_space(name, index)
            spaces += 1

    async def is_known(by: str) -> bool:
        id, _, job_id = by.rpartition(".")
        (document,) = await _known(parts, [id])
        return document is not None and any(each.job_id == job_id for each in document.revisions)

    await _forget_strangers(parts)
    files = await parts.blobs.collect(is_known)
    return Swept(chunks=chunks, spaces=spaces, files=files + await parts.outputs.collect(DAY))


async def _forget_strangers(parts: Parts) -> None:
    """Cached vectors for documents that are gone: their last run was still embedding when they went."""
    last = ""
    while ids := await parts.cache.owners(last, _BATCH):
        for id, document in zip(ids, await _known(parts, ids), strict=True):
            if document is None:
                await parts.cache.forget(id)
        last = ids[-1]


async def forget(parts: Parts, document: Document) -> None:
    """What a run wrote whose document, or whole collection, was deleted for good under it."""
    for name, index in await parts.vectors.spaces():
        if name == document.collection:
            if await _is_wanted(parts, name, index):
                (known,) = await _known(parts, [document.id])
                upto = document.last_generation if known is None else known.last_generation
                await parts.vectors.sweep(name, index, document.id, _kept(known), upto)
            else:
                await parts.vectors.drop_space(name, index)
    if not await parts.repository.exists(document.id):
        await parts.outputs.drop(document.id)
        await parts.cache.forget(document.id)
        for each in document.revisions:
            await parts.blobs.release(each.content_hash, keeper(document.id, each.job_id))


async def _is_wanted(parts: Parts, name: str, number: int) -> bool:
    try:
        collection = await parts.repository.get_collection(name)
    except CollectionNotFound:
        return False
    return number in {each.number for each in (collection.index, collection.building) if each is not None}


async def _swept_space(parts: Parts, name: str, index: int) -> int:
    """The space is read first: what is written later is not looked at."""
    held = await parts.vectors.count(name, index)
    ids, swept = list(held), 0
    for start in range(0, len(ids), _BATCH):
        batch = ids[start : start + _BATCH]
        for id, document in zip(batch, await _known(parts, batch), strict=True):
            kept = _kept(document)
            if set(held[id]) - set(kept):
                upto = max(held[id]) if document is None else document.last_generation
                swept += await parts.vectors.sweep(name, index, id, kept, upto)
    return swept


async def _known(parts: Parts, ids: list[str]) -> list[Document | None]:
    return await parts.repository.get_batch(ids)


def _kept(document: Document | None) -> list[int]:
    if document is None:
        return []
    active = [each.generation for each in document.revisions if each.status.is_active]
    visible = [document.generation] if document.status is not DocumentStatus.DELETED else []
    return [*active, *visible]
