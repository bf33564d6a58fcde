"""Collections over HTTP."""

from __future__ import annotations

from typing import Any

from tests.documents_search.models import needs_static
from tests.documents_web.calling import GARDEN, HARBOUR, Shelf, code

pytestmark = needs_static


async def test_a_collection_is_made_read_changed_and_deleted(quiet: Shelf) -> None:
    # When
    made = await quiet.call(
        "POST", "/collections", json={"name": "books", "description": "read", "metadata": {"a": 1}, "chunk_size": 300}
    )
    # Then
    assert (made.status_code, made.headers["location"]) == (201, "/api/v1/collections/books")
    found = (await quiet.get("/collections/books")).json()
    assert found == made.json()
    assert (found["chunk_size"], found["document_count"], found["chunk_count"]) == (300, 0, 0)
    assert (found["embedder"], found["dimension"]) == ("wordllama-l2-supercat-256@1", 256)
    assert code(await quiet.call("POST", "/collections", json={"name": "books"})) == (409, "collection_exists")
    # When it is changed
    changed = await quiet.call("PATCH", "/collections/books", json={"description": "all read", "chunk_overlap": 0})
    assert (changed.json()["description"], changed.json()["chunk_overlap"]) == ("all read", 0)
    # Then an upload is cut as it says
    uploaded = (await quiet.upload(collection="books", **{"async": True})).json()
    document = (await quiet.get(f"/documents/{uploaded['document_id']}")).json()
    assert (document["chunk_size"], document["chunk_overlap"]) == (300, 0)
    # And it cannot be deleted before it is empty
    refused = await quiet.call("DELETE", "/collections/books")
    assert code(refused) == (409, "collection_not_empty")
    assert refused.json()["error"]["details"] == {"documents": 1}
    # When one without anything is deleted
    await quiet.call("POST", "/collections", json={"name": "empty"})
    assert (await quiet.call("DELETE", "/collections/empty")).status_code == 204
    assert code(await quiet.get("/collections/empty")) == (404, "collection_not_found")


async def test_collections_are_listed_by_name_page_by_page(quiet: Shelf) -> None:
    for name in ("cats", "ants", "bees"):
        await quiet.call("POST", "/collections", json={"name": name})
    first = (await quiet.get("/collections", params={"limit": 2})).json()
    rest = (await quiet.get("/collections", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [each["name"] for each in first["items"] + rest["items"]] == ["ants", "bees", "cats"]
    assert rest["next_cursor"] is None


async def test_a_full_collection_is_counted_indexed_anew_emptied_and_deleted_by_force(shelf: Shelf) -> None:
    await shelf.stored(GARDEN, "garden.md")
    await shelf.stored(HARBOUR, "harbour.md")
    stats = (await shelf.get("/collections/books/stats", params={"vectors": "true"})).json()
    assert (stats["document_count"], stats["chunk_count"], stats["vectors"]) == (2, 2, 2)
    assert stats["by_status"]["completed"] == 2
    # When it is indexed anew with smaller chunks
    started = await shelf.call("POST", "/collections/books/reindex", json={"chunk_size": 40, "chunk_overlap": 0})
    assert started.status_code == 202
    assert started.headers["location"] == f"/api/v1/jobs/{started.json()['job_id']}"
    assert (await shelf.ended(started.json()["job_id"]))["status"] == "completed"
    # Then another index answers, with more chunks
    assert (await shelf.get("/collections/books")).json()["index"] == 2
    assert (await shelf.get("/collections/books/stats")).json()["chunk_count"] > 2
    # When it is emptied
    assert (await shelf.call("POST", "/collections/books/clear", json={})).json() == {"deleted": 2}
    assert (await shelf.get("/documents")).json()["items"] == []
    # Then it can be deleted, which takes a job for what lies in it
    gone = await shelf.call("DELETE", "/collections/books")
    assert gone.status_code == 202
    assert (await shelf.ended(gone.json()["job_id"]))["status"] == "completed"
    assert (await shelf.get("/collections")).json()["items"] == []
    # And one with documents by force
    await shelf.stored(GARDEN, "garden.md")
    forced = await shelf.call("DELETE", "/collections/books", params={"force": "true"})
    await shelf.ended(forced.json()["job_id"])
    assert (await shelf.get("/documents", params={"include_deleted": "true"})).json()["items"] == []


CASES: list[tuple[str, str, Any, tuple[int, str], str | None]] = [
    ("POST", "", {"name": "ab"}, (422, "invalid"), "name"),
    ("POST", "", {"name": "a/../b"}, (422, "invalid"), "name"),
    ("POST", "", {"name": 5}, (422, "invalid"), "name"),
    ("POST", "", {}, (422, "invalid"), None),
    ("POST", "", {"name": "good", "metric": "taxicab"}, (422, "invalid"), "metric"),
    ("POST", "", {"name": "good", "embedder": "none"}, (422, "invalid"), "embedder"),
    ("POST", "", {"name": "good", "chunking_strategy": "none"}, (422, "invalid"), "chunking_strategy"),
    ("POST", "", {"name": "good", "chunk_size": 1}, (422, "invalid"), "chunk_size"),
    ("POST", "", {"name": "good", "chunk_overlap": 512}, (422, "invalid"), "chunk_overlap"),
    ("POST", "", {"name": "good", "metadata": {"$a": 1}}, (422, "invalid"), "metadata"),
    ("POST", "", {"name": "good", "description": "x" * 2001}, (422, "invalid"), "description"),
    ("PATCH", "/books", {}, (422, "invalid"), None),
    ("PATCH", "/books", {"metric": "l2"}, (422, "invalid"), None),
    ("PATCH", "/books", {"chunk_size": 0}, (422, "invalid"), "chunk_size"),
    ("PATCH", "/none", {"description": "x"}, (404, "collection_not_found"), None),
    ("GET", "/none", None, (404, "collection_not_found"), None),
    ("GET", "/none/stats", None, (404, "collection_not_found"), None),
    ("DELETE", "/none", None, (404, "collection_not_found"), None),
    ("POST", "/none/clear", {}, (404, "collection_not_found"), None),
    ("POST", "/none/reindex", {}, (404, "collection_not_found"), None),
    ("POST", "/books/reindex", {"embedder": "none"}, (422, "invalid"), "embedder"),
    ("POST", "/books/reindex", {"chunk_size": 2}, (422, "invalid"), "chunk_size"),
]


async def test_what_cannot_be_is_refused_by_its_field(quiet: Shelf) -> None:
    await quiet.call("POST", "/collections", json={"name": "books"})
    for method, path, body, expected, field in CASES:
        answer = await quiet.call(method, f"/collections{path}", **({} if body is None else {"json": body}))
        assert (method, path, body, code(answer)) == (method, path, body, expected), answer.text
        assert answer.json()["error"]["field"] == field, answer.text
    assert [each["name"] for each in (await quiet.get("/collections")).json()["items"]] == ["books"]
