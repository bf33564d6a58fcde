"""``/ui/documents``: what is there, how far it is, and what a search finds in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from abaca.http import Desk, Reply, opened, sealed
from abaca_documents.errors import DocumentsError
from abaca_documents.model import (
    Collection,
    DocumentFilter,
    DocumentStatus,
    SearchMode,
    SearchRequest,
    SearchResult,
)
from abaca_documents.settings import value
from abaca_documents.web.declaring import answer_of
from abaca_documents.web.pages.common import Stretch, library, marked, place, rows, shelf_page, source

_ROWS = 50
_HITS = 10
_MOST_OFFSET = 1_000


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the address of the page says. What it cannot mean is as if it were not there."""

    q: str = ""
    mode: SearchMode = SearchMode.HYBRID
    collection: str = ""
    status: DocumentStatus | None = None
    filename: str = ""
    cursor: str = ""
    offset: int = 0

    def params(self, **other: str | int) -> dict[str, str | int]:
        """As parameters of a link to the same list or the same search."""
        mine: dict[str, str | int] = {
            "q": self.q,
            "mode": self.mode.value if self.q else "",
            "collection": self.collection,
            "status": "" if self.status is None or self.q else self.status.value,
            "filename": "" if self.q else self.filename,
        }
        return mine | other


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    result: SearchResult
    stretches: list[Stretch]
    place: str
    source: str


@shelf_page("/documents")
async def list_documents(desk: Desk) -> Reply:
    asked = _asked(desk)
    collections = await library(desk).documents.list_collections()
    names = [each.name for each in collections]
    if asked.collection not in names:
        asked = msgspec.structs.replace(asked, collection="")
    found = await _found(desk, asked, names) if asked.q else {}
    listed = {} if asked.q else await _listed(desk, asked, collections)
    return desk.page(
        "documents/shelf.html",
        here="documents",
        now=await desk.clock(),
        asked=asked,
        names=names,
        modes=tuple(SearchMode),
        statuses=tuple(DocumentStatus),
        largest=value(desk.app, "documents.max_file"),
        **{
            "hits": (),
            "total": 0,
            "trouble": "",
            "took": 0.0,
            "rows": [],
            "older": "",
            "shelves": [],
            **listed,
            **found,
        },
    )


def _asked(desk: Desk) -> Asked:
    given = desk.request.query_params
    offset = given.get("offset", "")
    return Asked(
        q=given.get("q", "").strip(),
        mode=next((each for each in SearchMode if each == given.get("mode")), SearchMode.HYBRID),
        collection=given.get("collection", ""),
        status=next((each for each in DocumentStatus if each == given.get("status")), None),
        filename=given.get("filename", "").strip(),
        cursor=given.get("cursor", ""),
        offset=min(int(offset), _MOST_OFFSET) if offset.isascii() and offset.isdecimal() and len(offset) < 6 else 0,
    )


async def _listed(desk: Desk, asked: Asked, collections: list[Collection]) -> dict[str, Any]:
    repository = library(desk).documents
    which = DocumentFilter(
        collection=asked.collection or None,
        statuses=() if asked.status is None else (asked.status,),
        filename=asked.filename or None,
    )
    page = await repository.list(which, cursor=opened(asked.cursor or None), limit=_ROWS)
    older = sealed(page.cursor)
    return {
        "rows": await rows(desk, page.items),
        "older": desk.url("/documents", asked.params(cursor=older)) if older else "",
        "shelves": [(each, await repository.collection_stats(each.name)) for each in collections],
    }


async def _found(desk: Desk, asked: Asked, names: list[str]) -> dict[str, Any]:
    """What is wrong with a search is said on the page; nothing else of it fails."""
    wanted = (asked.collection,) if asked.collection else tuple(names)
    if not wanted:
        return {}
    request = SearchRequest(query=asked.q, collections=wanted, mode=asked.mode, top_k=_HITS, offset=asked.offset)
    try:
        answer = await library(desk).search(request)
    except DocumentsError as error:
        refused = answer_of(error)
        if refused is error:
            raise
        return {"trouble": str(refused)}
    behind = asked.offset + len(answer.results)
    more = behind < answer.total_results and behind <= _MOST_OFFSET and answer.results
    return {
        "hits": await _hits(desk, answer.results),
        "total": answer.total_results,
        "took": answer.time_taken_ms,
        "older": desk.url("/documents", asked.params(offset=behind)) if more else "",
    }


async def _hits(desk: Desk, results: Sequence[SearchResult]) -> list[Hit]:
    known = await library(desk).documents.get_batch(list({each.document_id for each in results}))
    documents = {each.id: each for each in known if each is not None}
    return [
        Hit(
            result=each,
            stretches=marked(each.text, each.highlights),
            place=place(each),
            source=source(desk, documents[each.document_id], each.page) if each.document_id in documents else "",
        )
        for each in results
    ]


PAGES = (list_documents,)
