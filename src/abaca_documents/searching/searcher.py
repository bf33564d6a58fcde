"""The search: candidates from the store, what is not visible dropped, the rest scored, ordered and shown."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from msgspec.structs import replace

from abaca_documents.filters import read_filter
from abaca_documents.model import (
    Chunk,
    Collection,
    Document,
    Metadata,
    SearchMode,
    SearchRequest,
    SearchResponse,
    SearchResult,
    Vector,
)
from abaca_documents.protocols import Embedder, Found, Space, VectorStore
from abaca_documents.searching.cache import SearchCache
from abaca_documents.searching.likeness import mean_of
from abaca_documents.searching.ranking import Candidate, Lists, fuse, mmr, one_per_document, order
from abaca_documents.searching.showing import shown

MOST = 4096
"""Candidates that a list may have before what is not visible is dropped."""
Visible = dict[str, int]
Asked = Callable[[int], Awaitable[list[Found]]]


class Registry(Protocol):
    """What a search asks the repository."""

    async def get_collection(self, name: str) -> Collection: ...

    async def visible(self, ids: Sequence[str]) -> Visible: ...

    async def get_batch(self, ids: Sequence[str]) -> list[Document | None]: ...

    async def changes(self, names: Sequence[str]) -> dict[str, int]: ...


class Searcher:
    """``embedder_of`` gives the embedder of a name, as an index of a collection carries it."""

    def __init__(
        self,
        registry: Registry,
        store: VectorStore,
        embedder_of: Callable[[str], Embedder],
        cache: SearchCache | None = None,
    ) -> None:
        self._registry = registry
        self._store = store
        self._embedder_of = embedder_of
        self.cache = cache if cache is not None else SearchCache()

    async def search(self, request: SearchRequest) -> SearchResponse:
        """Raises ``ValidationError`` and ``CollectionNotFound``."""
        began = time.perf_counter()
        request.validate()
        read_filter(request.filter)
        collections = [await self._registry.get_collection(name) for name in request.names]
        key = self.cache.key(request, collections, await self._registry.changes(request.names))
        if request.use_cache and (found := self.cache.find(key)) is not None:
            return replace(found, from_cache=True, time_taken_ms=_since(began))
        answer = await self._answer(request, await self._candidates(request, collections), collections)
        if request.use_cache:
            self.cache.keep(key, request.names, answer)
        return replace(answer, time_taken_ms=_since(began))

    async def similar(
        self, collection: str, document_id: str, *, top_k: int = 10, filter: Metadata | None = None
    ) -> SearchResponse:
        """Other documents of the collection that are like this one, by the mean of its chunks' vectors; one chunk of
        each. Nothing where the document is not visible."""
        began = time.perf_counter()
        found = await self._registry.get_collection(collection)
        request = SearchRequest(
            query=document_id,
            collection=collection,
            mode=SearchMode.VECTOR,
            top_k=top_k,
            filter=filter or {},
            group_by_document=True,
            highlight=False,
        )
        request.validate()
        visible = (await self._registry.visible([document_id])).get(document_id)
        lists, space = Lists(), _space(found)
        vector = None if visible is None else await self._mean(space, document_id, visible)
        if vector is not None:
            where = _both(request.filter, {"document_id": {"$ne": document_id}})
            lists.add_vector(space.metric, await self._nearest(space, vector, 100, where, vectors=False))
        return replace(await self._answer(request, lists, [found]), query="", time_taken_ms=_since(began))

    async def _mean(self, space: Space, document_id: str, generation: int) -> Vector | None:
        vectors: list[Vector] = []
        after = -1
        while page := await self._store.chunks(
            space.collection, space.index, document_id, generation, after=after, limit=500, vectors=True
        ):
            vectors += [each.embedding for each in page if each.embedding is not None]
            after = page[-1].index
        return mean_of(vectors)

    async def _candidates(self, request: SearchRequest, collections: Sequence[Collection]) -> Lists:
        where = request.filter
        if request.document_ids:
            where = _both(where, {"document_id": {"$in": list(request.document_ids)}})
        wanted = max(request.hybrid.candidates, request.offset + request.top_k)
        if request.group_by_document:
            wanted *= 3
        vectors = request.rerank is not None
        known: dict[str, Vector] = {}
        lists = Lists()
        for collection in collections:
            space, embedder = _space(collection), collection.index.embedder
            if request.mode is not SearchMode.KEYWORD:
                if embedder not in known:
                    known[embedder] = await self._embedder_of(embedder).embed_query(request.query)
                found = await self._nearest(space, known[embedder], wanted, where, vectors=vectors)
                lists.add_vector(space.metric, found)
            if request.mode is not SearchMode.VECTOR:
                lists.add_keyword(await self._matching(space, request.query, wanted, where, vectors=vectors))
        return lists

    async def _nearest(
        self, space: Space, vector: Vector, wanted: int, where: Metadata, *, vectors: bool
    ) -> list[Found]:
        return await self._enough(
            space, wanted, lambda limit: self._store.nearest(space, vector, limit, where, vectors=vectors)
        )

    async def _matching(self, space: Space, query: str, wanted: int, where: Metadata, *, vectors: bool) -> list[Found]:
        return await self._enough(
            space, wanted, lambda limit: self._store.matching(space, query, limit, where, vectors=vectors)
        )

    async def _enough(self, space: Space, wanted: int, ask: Asked) -> list[Found]:
        """The best visible ones. The store knows not what is visible, so it is asked for more until they are enough."""
        limit = wanted
        while True:
            found = await ask(limit)
            ids = list(dict.fromkeys(each.chunk.document_id for each in found))
            visible = await self._registry.visible(ids) if ids else {}
            seen = [each for each in found if _is_seen(each.chunk, visible)]
            if len(seen) >= wanted or len(found) < limit or limit >= MOST:
                return seen[:wanted]
            limit = min(MOST, limit * 4)

    async def _answer(self, request: SearchRequest, lists: Lists, collections: Sequence[Collection]) -> SearchResponse:
        numbers = {each.name: each.index.number for each in collections}
        ranked = _ranked(request, lists)
        page = ranked[request.offset : request.offset + request.top_k]
        ids = list(dict.fromkeys(each.chunk.document_id for each in page))
        documents = {each.id: each for each in await self._registry.get_batch(ids) if each is not None} if ids else {}
        results: list[SearchResult] = []
        for each in page:
            parent = await self._parent(each.chunk, numbers) if request.include_content else ""
            results.append(shown(each, request, documents.get(each.chunk.document_id), parent))
        return SearchResponse(
            results=tuple(results),
            total_results=len(ranked),
            query=request.query,
            collection=request.collection,
            collections=request.names,
            mode=request.mode,
        )

    async def _parent(self, chunk: Chunk, numbers: dict[str, int]) -> str:
        if chunk.where.parent is None:
            return ""
        found = await self._store.chunks(
            chunk.collection,
            numbers[chunk.collection],
            chunk.document_id,
            chunk.generation,
            after=chunk.where.parent - 1,
            limit=1,
        )
        return found[0].text if found and found[0].is_parent else ""


def _space(collection: Collection) -> Space:
    """The index that answers. One that a reindex builds is not asked before it answers in place of this one."""
    index = collection.index
    return Space(collection=collection.name, index=index.number, dimension=index.dimension, metric=collection.metric)


def _is_seen(chunk: Chunk, visible: Visible) -> bool:
    return visible.get(chunk.document_id) == chunk.generation


def _both(one: Metadata, other: Metadata) -> Metadata:
    return {"$and": [one, other]} if one else other


def _ranked(request: SearchRequest, lists: Lists) -> list[Candidate]:
    candidates = lists.candidates()
    if request.mode is SearchMode.HYBRID:
        fuse(candidates, request.hybrid)
    else:
        for each in candidates:
            each.score = (each.vector if request.mode is SearchMode.VECTOR else each.keyword) or 0.0
    ranked = [each for each in order(candidates) if request.min_score is None or each.score >= request.min_score]
    if request.group_by_document:
        ranked = one_per_document(ranked)
    if request.rerank is not None:
        ranked = mmr(ranked, request.rerank, request.offset + request.top_k)
    return ranked


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 3)
