"""``/collections``: made, read, changed, emptied, indexed anew, deleted."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from abaca.http import Answer, ApiError, ApiRequest, Items, Nothing, invalid, opened, sealed
from abaca_documents.errors import CollectionNotEmpty
from abaca_documents.library import Library
from abaca_documents.model import (
    ChunkingStrategy,
    ChunkSettings,
    Collection,
    CollectionDTO,
    CollectionRequest,
    CollectionStatsDTO,
    Metadata,
    Metric,
)
from abaca_documents.web.declaring import (
    COLLECTION_EXISTS,
    CONFLICT,
    INVALID,
    NO_COLLECTION,
    NOT_EMPTY,
    library_of,
    route,
)
from abaca_documents.web.starting import Started, start


class _Chunking(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    chunking_strategy: ChunkingStrategy | None = None
    chunk_size: int | None = None
    chunk_overlap: int | None = None

    def over(self, default: ChunkSettings) -> ChunkSettings:
        """Raises ``ValidationError``."""
        settings = ChunkSettings(
            strategy=self.chunking_strategy or default.strategy,
            size=default.size if self.chunk_size is None else self.chunk_size,
            overlap=default.overlap if self.chunk_overlap is None else self.chunk_overlap,
        )
        settings.validate()
        return settings

    @property
    def is_given(self) -> bool:
        return any(each is not None for each in (self.chunking_strategy, self.chunk_size, self.chunk_overlap))


class NewCollection(_Chunking, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``metric`` stays for life. ``embedder`` is the service's default where it is not given."""

    name: str
    description: str = ""
    metadata: Metadata = {}
    metric: Metric = Metric.COSINE
    embedder: str | None = None


class ChangeCollection(_Chunking, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Chunking is that of uploads from now on. ``metadata`` takes the place of all that was there."""

    description: str | None = None
    metadata: Metadata | None = None


class Reindex(_Chunking, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is not given stays as it is. Chunking overrides that of each document."""

    embedder: str | None = None


class CollectionView(CollectionDTO, frozen=True, kw_only=True):
    """A collection with its counts. ``index`` is the number of the one that answers."""

    document_count: int
    chunk_count: int


class ListCollections(msgspec.Struct, frozen=True, kw_only=True):
    """``limit``: items of one page. ``cursor``: the ``next_cursor`` of the page before."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: str | None = None


class ReadStats(msgspec.Struct, frozen=True, kw_only=True):
    """``vectors``: also count what the vector store holds, which takes longer in a large collection."""

    vectors: bool = False


class DeleteCollection(msgspec.Struct, frozen=True, kw_only=True):
    """``force``: also with documents in it."""

    force: bool = False


class CollectionCleared(msgspec.Struct, frozen=True, kw_only=True):
    """``deleted``: how many documents no search finds any more."""

    deleted: int


@route(
    "POST",
    "/collections",
    status=201,
    errors=(COLLECTION_EXISTS, INVALID),
    examples={"body": {"name": "books", "description": "What we read", "chunking_strategy": "markdown"}},
)
async def create_collection(request: ApiRequest, body: NewCollection) -> Answer[CollectionView]:
    """Make a collection. Its name has 3 to 63 letters, digits, ``_`` and ``-``."""
    library = library_of(request)
    chunking = body.over(ChunkSettings())
    wanted = CollectionRequest(
        name=body.name,
        description=body.description,
        metadata=body.metadata,
        metric=body.metric,
        embedder=body.embedder,
        chunking_strategy=chunking.strategy.value,
        chunk_size=chunking.size,
        chunk_overlap=chunking.overlap,
    )
    view = await _view(library, await library.create_collection(wanted))
    return Answer(status=201, body=view, headers={"Location": request.url(f"/collections/{view.name}")})


@route("GET", "/collections")
async def list_collections(request: ApiRequest, query: ListCollections) -> Items[CollectionView]:
    """List collections by name."""
    library = library_of(request)
    after = opened(query.cursor) or ""
    found = sorted(await library.documents.list_collections(), key=lambda each: each.name)
    left = [each for each in found if each.name > after]
    page = left[: query.limit]
    more = len(left) > query.limit
    items = [await _view(library, each) for each in page]
    return Items(items=items, next_cursor=sealed(page[-1].name) if more else None)


@route("GET", "/collections/{name}", errors=(NO_COLLECTION,))
async def get_collection(request: ApiRequest, name: str) -> CollectionView:
    """Read a collection."""
    library = library_of(request)
    return await _view(library, await library.documents.get_collection(name))


@route(
    "PATCH",
    "/collections/{name}",
    errors=(NO_COLLECTION, INVALID),
    examples={"body": {"description": "What we have read"}},
)
async def change_collection(request: ApiRequest, name: str, body: ChangeCollection) -> CollectionView:
    """Change what a collection says of itself, and how its new documents are cut. Those that are there stay as they
    are: ``reindex`` cuts them anew."""
    if body == ChangeCollection():
        raise invalid("there is nothing to change")
    library = library_of(request)

    def change(before: Collection) -> Collection:
        return msgspec.structs.replace(
            before,
            description=before.description if body.description is None else body.description,
            metadata=before.metadata if body.metadata is None else body.metadata,
            chunking=body.over(before.chunking),
        )

    return await _view(library, await library.documents.change_collection(name, change))


@route("DELETE", "/collections/{name}", status=202, errors=(NO_COLLECTION, NOT_EMPTY))
async def delete_collection(request: ApiRequest, name: str, query: DeleteCollection) -> Answer[Started] | None:
    """Delete a collection: 204 where nothing is in it; 409 where something is, unless ``force`` is given.

    With ``force`` a job deletes it with all its documents, for good and at once. No upload into it succeeds meanwhile.
    """
    library = library_of(request)
    await library.documents.get_collection(name)
    if not query.force:
        try:
            await library.drop_empty(name)
            return None
        except CollectionNotEmpty:
            count = (await library.documents.collection_stats(name)).documents
            if count:
                status, code = NOT_EMPTY
                message = f"the collection {name} holds {count:,} documents; delete them first, or give force=true"
                raise ApiError(status, code, message, details={"documents": count}) from None
    return await start(request, library.tasks.collection_delete, name)


@route("GET", "/collections/{name}/stats", errors=(NO_COLLECTION,))
async def collection_stats(request: ApiRequest, name: str, query: ReadStats) -> CollectionStatsDTO:
    """Count what is in a collection. ``documents`` and ``chunks`` are without deleted ones."""
    library = library_of(request)
    stats = await library.documents.collection_stats(name)
    if query.vectors:
        number = (await library.documents.get_collection(name)).index.number
        held = await library.opened().parts.vectors.count(name, number)
        stats = msgspec.structs.replace(stats, vectors=sum(sum(each.values()) for each in held.values()))
    return CollectionStatsDTO.from_model(stats)


@route(
    "POST",
    "/collections/{name}/reindex",
    status=202,
    errors=(NO_COLLECTION, CONFLICT, INVALID),
    examples={"body": {"embedder": "static"}},
)
async def reindex_collection(request: ApiRequest, name: str, body: Reindex) -> Answer[Started]:
    """Build the index anew, with another embedder or other chunks. Searches are answered by the old one meanwhile."""
    library = library_of(request)
    collection = await library.documents.get_collection(name)
    if body.embedder is not None:
        library.opened().embedder_of(body.embedder)
    chunking = body.over(collection.index.chunking or collection.chunking) if body.is_given else None
    return await start(request, library.tasks.vector_reindex, name, body.embedder, chunking)


@route("POST", "/collections/{name}/clear", errors=(NO_COLLECTION,))
async def clear_collection(request: ApiRequest, name: str, body: Nothing) -> CollectionCleared:
    """Delete every document of a collection. No search finds them from now on; their text is gone for good after
    ``documents.retention``."""
    return CollectionCleared(deleted=await library_of(request).documents.clear_collection(name))


async def _view(library: Library, collection: Collection) -> CollectionView:
    stats = await library.documents.collection_stats(collection.name)
    same = msgspec.structs.asdict(CollectionDTO.from_model(collection))
    return CollectionView(**same, document_count=stats.documents, chunk_count=stats.chunks)


ENDPOINTS = (
    create_collection,
    list_collections,
    get_collection,
    change_collection,
    delete_collection,
    collection_stats,
    reindex_collection,
    clear_collection,
)
