"""Searches over HTTP: the source's bodies and fields, parameters, batches, and what is like a document."""

from __future__ import annotations

from typing import Any

from tests.documents_search.models import needs_static
from tests.documents_web.calling import GARDEN, HARBOUR, Shelf, code

pytestmark = needs_static
ANSWER = {"results", "total_results", "query", "collection", "time_taken_ms", "from_cache"}
RESULT = {
    "chunk_id", "document_id", "text", "score", "distance", "metadata", "chunk_index", "filename", "collection",
    "document",
}  # fmt: skip


async def test_a_search_takes_the_sources_body_and_answers_its_fields(shelf: Shelf) -> None:
    garden = (await shelf.stored(GARDEN, "garden.md", metadata={"year": 2026}))["document_id"]
    await shelf.stored(HARBOUR, "harbour.md", metadata={"year": 2020})
    body = {
        "query": "pruning roses",
        "collection": "books",
        "top_k": 10,
        "filter": {},
        "min_score": 0.0,
        "use_cache": True,
        "include_content": True,
    }
    # When
    answer = await shelf.call("POST", "/search", json=body)
    # Then
    found = answer.json()
    assert (answer.status_code, found["query"], found["collection"]) == (200, "pruning roses", "books")
    assert found.keys() >= ANSWER
    best = found["results"][0]
    assert best.keys() >= {*RESULT, "score_breakdown", "highlights"}
    assert best["document"] == {"id": garden, "filename": "garden.md", "title": "The garden"}
    assert {best["text"][each["start"] : each["end"]].lower() for each in best["highlights"]} >= {"roses"}
    assert best["score_breakdown"]["rank_keyword"] == 1
    assert (found["total_results"], found["from_cache"]) == (2, False)
    # And the second time it comes from the cache, until something changes
    assert (await shelf.call("POST", "/search", json=body)).json()["from_cache"] is True
    await shelf.call("DELETE", f"/documents/{garden}")
    again = (await shelf.call("POST", "/search", json=body)).json()
    assert (again["from_cache"], [each["filename"] for each in again["results"]]) == (False, ["harbour.md"])


async def test_parameters_search_as_a_body_does(shelf: Shelf) -> None:
    await shelf.stored(GARDEN, "garden.md", metadata={"year": 2026})
    await shelf.stored(HARBOUR, "harbour.md", metadata={"year": 2020}, collection="notes")

    async def names(**params: Any) -> list[str]:
        answer = await shelf.get("/search", params=params)
        assert answer.status_code == 200, answer.text
        return [each["filename"] for each in answer.json()["results"]]

    assert await names(q="roses", collection="books", top_k=3, use_cache="false") == ["garden.md"]
    assert await names(query="pilot", collection=["books", "notes"], mode="keyword") == ["harbour.md"]
    assert await names(q="night", collection=["books", "notes"], filter='{"year": {"$lt": 2025}}') == ["harbour.md"]
    # And several in one request, each with its own outcome
    searches = [{"query": "roses", "collection": "books"}, {"query": "x", "collection": "none"}, {"query": " "}]
    items = (await shelf.call("POST", "/search/batch", json={"searches": searches})).json()["items"]
    assert items[0]["answer"]["results"][0]["filename"] == "garden.md"
    assert [each["error"] and each["error"]["code"] for each in items] == [None, "collection_not_found", "invalid"]


async def test_documents_like_one_are_found(shelf: Shelf) -> None:
    one = (await shelf.stored(GARDEN, "garden.md"))["document_id"]
    await shelf.stored("Water the roses in the garden when it is dry.", "roses.md")
    await shelf.stored("The tax office wants the form before May.", "tax.md")
    found = (await shelf.get(f"/documents/{one}/similar", params={"top_k": 1})).json()
    assert [each["filename"] for each in found["results"]] == ["roses.md"]
    assert code(await shelf.get("/documents/none/similar")) == (404, "document_not_found")


BODIES: list[tuple[dict[str, Any], tuple[int, str], str | None]] = [
    ({"query": "x", "collection": "none"}, (404, "collection_not_found"), None),
    ({"query": " ", "collection": "books"}, (422, "invalid"), "query"),
    ({"query": "x" * 4001, "collection": "books"}, (422, "invalid"), "query"),
    ({"query": 5, "collection": "books"}, (422, "invalid"), "query"),
    ({"query": "x"}, (422, "invalid"), "collection"),
    ({"query": "x", "collection": "a/b"}, (422, "invalid"), "collection"),
    ({"query": "x", "collection": "books", "top_k": 0}, (422, "invalid"), "top_k"),
    ({"query": "x", "collection": "books", "top_k": 101}, (422, "invalid"), "top_k"),
    ({"query": "x", "collection": "books", "top_k": "5"}, (422, "invalid"), "top_k"),
    ({"query": "x", "collection": "books", "offset": 1001}, (422, "invalid"), "offset"),
    ({"query": "x", "collection": "books", "mode": "guess"}, (422, "invalid"), "mode"),
    ({"query": "x", "collection": "books", "min_score": 2}, (422, "invalid"), "min_score"),
    ({"query": "x", "collection": "books", "filter": {"a": {"$x": 1}}}, (422, "invalid"), "filter"),
    ({"query": "x", "collection": "books", "filter": []}, (422, "invalid"), "filter"),
    ({"query": "x", "collection": "books", "hybrid": {"rrf_k": 0}}, (422, "invalid"), "hybrid.rrf_k"),
    ({"query": "x", "collection": "books", "document_ids": ["a/b"]}, (422, "invalid"), "document_ids"),
    ({"query": "x", "collection": "books", "colour": 1}, (422, "invalid"), None),
]


async def test_a_bad_search_is_refused_by_its_field(quiet: Shelf) -> None:
    await quiet.call("POST", "/collections", json={"name": "books"})
    for body, expected, field in BODIES:
        answer = await quiet.call("POST", "/search", json=body)
        assert (body, code(answer)) == (body, expected), answer.text
        assert (answer.json()["error"]["field"] or "").startswith(field or ""), answer.text
    both = await quiet.get("/search", params={"q": "a", "query": "b", "collection": "books"})
    assert code(both) == (422, "invalid")
    assert code(await quiet.call("POST", "/search/batch", json={"searches": []})) == (422, "invalid")
