"""``/search``: by meaning, by words, or both."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from abaca.http import ApiError, ApiRequest, invalid
from abaca_documents.errors import DocumentsError
from abaca_documents.library import Library
from abaca_documents.model import (
    MAX_TOP_K,
    SearchMode,
    SearchRequest,
    SearchResponse,
    SearchResultDTO,
)
from abaca_documents.web.asking import json_object
from abaca_documents.web.declaring import EMBEDDING, INVALID, NO_COLLECTION, NO_DOCUMENT, answer_of, library_of, route

MOST = 20
_AT_ONCE = 4
_ERRORS = (NO_COLLECTION, INVALID, *EMBEDDING)
_EXAMPLE: dict[str, Any] = {
    "query": "when are roses pruned?",
    "collection": "books",
    "top_k": 5,
    "filter": {"year": {"$gte": 2020}},
    "min_score": 0.2,
}


class Search(SearchRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``collection`` or ``collections``. ``mode``: ``vector`` by meaning, ``keyword`` by words, ``hybrid`` by both.
    ``filter`` is on metadata. ``min_score`` is on the scale of ``score``. ``rerank`` trades relevance for variety."""


class SearchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``total_results``: how many there are as far as the candidates go. ``time_taken_ms`` is in milliseconds."""

    results: list[SearchResultDTO]
    total_results: int
    query: str
    collection: str | None
    collections: tuple[str, ...]
    mode: SearchMode
    time_taken_ms: float
    from_cache: bool


class QuickSearch(msgspec.Struct, frozen=True, kw_only=True):
    """``q``: the query; ``query`` means the same. ``collection`` may be given several times. ``filter`` is JSON."""

    q: str = ""
    query: str = ""
    collection: tuple[str, ...] = ()
    top_k: int = 10
    offset: int = 0
    mode: SearchMode = SearchMode.HYBRID
    min_score: float | None = None
    filter: str | None = None
    document_id: tuple[str, ...] = ()
    group_by_document: bool = False
    use_cache: bool = True
    highlight: bool = True
    include_content: bool = True


class Searches(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Up to 20 searches. What is wrong with one harms no other."""

    searches: Annotated[list[Search], Meta(min_length=1, max_length=MOST)]


class SearchRefusal(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    message: str
    field: str | None = None


class SearchOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """One of several searches: an ``answer`` or an ``error``."""

    index: int
    answer: SearchAnswer | None = None
    error: SearchRefusal | None = None


class SearchOutcomes(msgspec.Struct, frozen=True, kw_only=True):
    """``items`` in the order of the request."""

    items: list[SearchOutcome]


class Similar(msgspec.Struct, frozen=True, kw_only=True):
    """``filter`` is a filter on metadata, in JSON."""

    top_k: Annotated[int, Meta(ge=1, le=MAX_TOP_K)] = 10
    filter: str | None = None


@route("POST", "/search", errors=_ERRORS, examples={"body": _EXAMPLE})
async def post_search(request: ApiRequest, body: Search) -> SearchAnswer:
    """Search documents by meaning, by words, or by both.

    Each result has the passage with where it stands in its document, its score from 0 to 1 with what each list said
    (``score_breakdown``), and the stretches that answer the query (``highlights``, characters of ``text``).
    """
    return shown(await library_of(request).search(body))


@route("GET", "/search", errors=_ERRORS)
async def get_search(request: ApiRequest, query: QuickSearch) -> SearchAnswer:
    """Search documents, by parameters."""
    if query.q and query.query:
        raise invalid("q and query mean the same; give one of them", "q")
    asked = SearchRequest(
        query=query.q or query.query,
        collection=query.collection[0] if query.collection else None,
        collections=query.collection[1:],
        top_k=query.top_k,
        offset=query.offset,
        mode=query.mode,
        min_score=query.min_score,
        filter={} if query.filter is None else json_object(query.filter, "filter"),
        document_ids=query.document_id,
        group_by_document=query.group_by_document,
        use_cache=query.use_cache,
        highlight=query.highlight,
        include_content=query.include_content,
    )
    return shown(await library_of(request).search(asked))


@route(
    "POST",
    "/search/batch",
    errors=(INVALID,),
    examples={"body": {"searches": [_EXAMPLE, {"query": "ships", "collections": ["books", "notes"]}]}},
)
async def post_searches(request: ApiRequest, body: Searches) -> SearchOutcomes:
    """Make up to 20 searches in one request. Each has its own outcome."""
    library, room = library_of(request), asyncio.Semaphore(_AT_ONCE)

    async def one(index: int, search: Search) -> SearchOutcome:
        async with room:
            return await _outcome(library, index, search)

    return SearchOutcomes(items=await asyncio.gather(*(one(at, each) for at, each in enumerate(body.searches))))


@route("GET", "/documents/{id}/similar", errors=(NO_DOCUMENT, INVALID))
async def similar_documents(request: ApiRequest, id: str, query: Similar) -> SearchAnswer:
    """Find documents of the same collection that are like this one, each by its nearest passage. Nothing where no
    search finds the document."""
    library = library_of(request)
    document = await library.documents.get(id)
    where = {} if query.filter is None else json_object(query.filter, "filter")
    return shown(await library.opened().searcher.similar(document.collection, id, top_k=query.top_k, filter=where))


def shown(found: SearchResponse) -> SearchAnswer:
    return SearchAnswer(
        results=[SearchResultDTO.from_model(each) for each in found.results],
        total_results=found.total_results,
        query=found.query,
        collection=found.collection,
        collections=found.collections,
        mode=found.mode,
        time_taken_ms=found.time_taken_ms,
        from_cache=found.from_cache,
    )


async def _outcome(library: Library, index: int, search: Search) -> SearchOutcome:
    try:
        return SearchOutcome(index=index, answer=shown(await library.search(search)))
    except DocumentsError as error:
        refused = answer_of(error)
        if not isinstance(refused, ApiError):
            raise
        refusal = SearchRefusal(code=str(refused.code), message=refused.message, field=refused.field)
        return SearchOutcome(index=index, error=refusal)


ENDPOINTS = (post_search, get_search, post_searches, similar_documents)
