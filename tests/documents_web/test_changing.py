"""Acts upon documents, many at once, and what the service tells of itself."""

from __future__ import annotations

from typing import Any

from tests.documents_search.models import needs_static
from tests.documents_web.calling import GARDEN, HARBOUR, Shelf, code

pytestmark = needs_static


async def test_a_document_is_cut_anew_and_told_about_by_its_text(shelf: Shelf) -> None:
    id = (await shelf.stored("One sentence stands here. " * 40, "a.txt"))["document_id"]
    before = (await shelf.get(f"/documents/{id}")).json()["chunk_count"]
    # When it is cut otherwise
    started = await shelf.call("POST", f"/documents/{id}/reindex", json={"chunk_size": 60, "chunk_overlap": 0})
    assert (started.status_code, started.headers["location"]) == (202, f"/api/v1/jobs/{started.json()['job_id']}")
    assert (await shelf.ended(started.json()["job_id"]))["status"] == "completed"
    # Then it has more chunks, and one of them is read by its id
    document = (await shelf.get(f"/documents/{id}")).json()
    assert document["chunk_count"] > before
    chunk = (await shelf.get(f"/chunks/{id}:3")).json()
    assert (chunk["chunk_id"], chunk["chunk_index"]) == (f"{id}:3", 3)
    assert code(await shelf.get(f"/chunks/{id}:9999")) == (404, "chunk_not_found")
    assert code(await shelf.get("/chunks/nonsense")) == (422, "invalid")
    # When its metadata is read from its text
    started = await shelf.call("POST", f"/documents/{id}/metadata", json={})
    assert (await shelf.ended(started.json()["job_id"]))["status"] == "completed"
    metadata = (await shelf.get(f"/documents/{id}")).json()["metadata"]
    assert metadata.keys() >= {"keywords", "language", "questions"}
    # And one that is not searchable can have neither done to it
    await shelf.call("DELETE", f"/documents/{id}")
    for act in ("reindex", "metadata"):
        assert code(await shelf.call("POST", f"/documents/{id}/{act}", json={})) == (404, "document_not_found")
    assert code(await shelf.call("POST", "/documents/none/reindex", json={})) == (404, "document_not_found")


async def test_documents_are_deleted_by_a_filter_after_a_look(quiet: Shelf) -> None:
    for number in range(4):
        await quiet.upload(f"text {number}", f"{number}.md", metadata={"n": number}, **{"async": True})
    # When nobody says which
    assert code(await quiet.call("DELETE", "/documents")) == (422, "invalid")
    assert code(await quiet.call("DELETE", "/documents", params={"dry_run": "true"})) == (422, "invalid")
    # And when a filter says it, after a look
    which = {"filter": '{"n": {"$gte": 1}}'}
    look = (await quiet.call("DELETE", "/documents", params={**which, "dry_run": "true"})).json()
    assert (look["matched"], look["deleted"], len(look["document_ids"])) == (3, 0, 3)
    some = (await quiet.call("DELETE", "/documents", params={**which, "limit": 2})).json()
    assert (some["matched"], some["deleted"], some["complete"]) == (2, 2, False)
    rest = (await quiet.call("DELETE", "/documents", params=which)).json()
    assert (rest["deleted"], rest["complete"]) == (1, True)
    assert [each["filename"] for each in (await quiet.get("/documents")).json()["items"]] == ["0.md"]
    # And all of them
    assert (await quiet.call("DELETE", "/documents", params={"all": "true"})).json()["deleted"] == 1


async def test_a_purged_document_is_gone(shelf: Shelf) -> None:
    id = (await shelf.stored())["document_id"]
    started = await shelf.call("DELETE", f"/documents/{id}", params={"purge": "true"})
    assert started.status_code == 202
    assert (await shelf.ended(started.json()["job_id"]))["status"] == "completed"
    assert code(await shelf.get(f"/documents/{id}")) == (404, "document_not_found")


async def test_each_of_a_batch_has_its_own_outcome(shelf: Shelf) -> None:
    documents: list[Any] = [
        {"text": GARDEN, "filename": "garden.md", "collection": "books"},
        {"text": HARBOUR, "collection": "a/b"},
        {"text": 5},
        {"chunks": [{"text": "Ivy."}], "document_id": "ivy", "collection": "books"},
        7,
    ]
    answer = await shelf.call("POST", "/documents/batch", json={"documents": documents})
    # Then those that are good are stored, and the others say why not
    found = answer.json()
    assert (answer.status_code, found["accepted"]) == (202, 2)
    assert [each["error"] and each["error"]["field"] for each in found["items"]] == [
        None,
        "collection",
        "text",
        None,
        None,
    ]
    for at in (0, 3):
        assert (await shelf.ended(found["items"][at]["upload"]["job_id"]))["status"] == "completed"
    stats = (await shelf.get("/documents/stats")).json()
    assert (stats["total"], stats["by_status"]["completed"], stats["by_collection"]) == (2, 2, {"books": 2})
    assert code(await shelf.call("POST", "/documents/batch", json={"documents": []})) == (422, "invalid")


async def test_content_is_taken_in_as_markdown_or_json(shelf: Shelf) -> None:
    markdown = {"source_type": "markdown", "content": GARDEN, "source_id": "wiki/1", "collection": "books"}
    answer = await shelf.call("POST", "/content/ingest", json=markdown)
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    id = answer.json()["document_id"]
    status = (await shelf.get(f"/content/{id}/status", params={"wait": 50})).json()
    assert (status["status"], status["progress"]) == ("completed", 100.0)
    document = (await shelf.get(f"/documents/{id}")).json()
    assert (document["source_type"], document["source_id"]) == ("markdown", "wiki/1")
    given = {"source_type": "json", "content": {"name": "ivy", "sun": False}, "collection": "books", "async": False}
    answer = await shelf.call("POST", "/content/ingest", json=given)
    assert (answer.status_code, answer.json()["status"]) == (201, "completed")
    for source_type, content in (("jira", "x"), ("notion", "x"), ("other", "x"), ("markdown", 5), ("json", None)):
        body = {"source_type": source_type, "content": content}
        assert code(await shelf.call("POST", "/content/ingest", json=body)) == (422, "invalid"), body
    assert code(await shelf.get("/content/none/status")) == (404, "document_not_found")


async def test_the_service_tells_what_it_reads_and_how_it_cuts(quiet: Shelf) -> None:
    formats = {each["name"]: each for each in (await quiet.get("/documents/formats")).json()["items"]}
    assert formats.keys() == {
        "pdf", "docx", "pptx", "xlsx", "html", "markdown", "rst", "text", "csv", "json", "jsonl", "email", "code",
    }  # fmt: skip
    assert (formats["pdf"]["sandboxed"], formats["text"]["sandboxed"]) == (True, False)
    strategies = [each["name"] for each in (await quiet.get("/documents/strategies")).json()["items"]]
    assert sorted(strategies) == sorted(
        ["sentence", "semantic", "token", "fixed", "markdown", "recursive", "hierarchical"]
    )
    assert (await quiet.get("/documents/stats")).json()["total"] == 0
