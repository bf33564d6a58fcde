"""Documents that are there: listed, read, changed, deleted."""

from __future__ import annotations

from typing import Any

from abaca.keys import create_key
from tests.documents_search.models import needs_static
from tests.documents_web.calling import GARDEN, HARBOUR, Shelf, code

pytestmark = needs_static
HOSTILE_PAGE = "<html><body><script>alert(document.cookie)</script>Ships wait.</body></html>"


async def test_a_document_is_read_with_its_status_its_chunks_and_its_revisions(shelf: Shelf) -> None:
    id = (await shelf.stored(metadata={"year": 2026}))["document_id"]
    # Then it is the source's document
    found = (await shelf.get(f"/documents/{id}")).json()
    assert (found["document_id"], found["filename"], found["status"]) == (id, "garden.md", "completed")
    assert (found["metadata"], found["is_searchable"], found["chunk_count"]) == ({"year": 2026}, True, 1)
    status = (await shelf.get(f"/documents/{id}/status")).json()
    assert (status["status"], status["progress"], status["job_id"]) == ("completed", 100.0, found["job_id"])
    chunks = (await shelf.get(f"/documents/{id}/chunks")).json()
    assert (chunks["total"], [each["chunk_index"] for each in chunks["items"]]) == (1, [0])
    assert chunks["items"][0]["text"].startswith("# The garden")
    # When another content of it comes
    await shelf.stored("# The garden\n\nIvy.")
    revisions = (await shelf.get(f"/documents/{id}/revisions")).json()["items"]
    assert [(each["number"], each["is_visible"]) for each in revisions] == [(2, True), (1, False)]
    # Then the bytes of the one before are gone
    assert code(await shelf.get(f"/documents/{id}/content", params={"revision": 1})) == (410, "content_gone")
    assert code(await shelf.get(f"/documents/{id}/content", params={"revision": 9})) == (404, "document_not_found")


async def test_chunks_are_read_page_by_page(shelf: Shelf) -> None:
    id = (await shelf.stored("One. " * 400, chunk_size=100, chunk_overlap=0))["document_id"]
    seen: list[int] = []
    cursor: dict[str, Any] = {}
    while True:
        page = (await shelf.get(f"/documents/{id}/chunks", params={"limit": 7, **cursor})).json()
        seen += [each["chunk_index"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == list(range(page["total"]))
    middle = (await shelf.get(f"/documents/{id}/chunks", params={"offset": 5, "limit": 2})).json()
    assert [each["chunk_index"] for each in middle["items"]] == [5, 6]
    assert code(await shelf.get(f"/documents/{id}/chunks", params={"cursor": "eHg"})) == (400, "malformed")


async def test_lists_are_narrowed_and_paged(quiet: Shelf) -> None:
    for number in range(5):
        fields = {"metadata": {"year": 2020 + number, "kind": "note"}, "collection": "books" if number else "notes"}
        await quiet.upload(f"text {number}", f"{number}.md", **fields, **{"async": True})

    async def names(**params: Any) -> list[str]:
        answer = await quiet.get("/documents", params=params)
        assert answer.status_code == 200, answer.text
        return [each["filename"] for each in answer.json()["items"]]

    assert await names() == ["4.md", "3.md", "2.md", "1.md", "0.md"]
    assert await names(collection="notes") == ["0.md"]
    assert await names(status=["pending", "failed"], filename="3.md") == ["3.md"]
    assert await names(status="completed") == []
    assert await names(**{"metadata.year": "2022"}) == ["2.md"]
    assert await names(**{"metadata.kind": "note", "metadata.year": "2024"}) == ["4.md"]
    assert await names(filter='{"year": {"$gte": 2023}}') == ["4.md", "3.md"]
    assert await names(created_after="2999-01-01T00:00:00Z") == []
    assert await names(created_before="2999-01-01T00:00:00Z", limit=2) == ["4.md", "3.md"]
    first = (await quiet.get("/documents", params={"limit": 3})).json()
    rest = (await quiet.get("/documents", params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert [each["filename"] for each in rest["items"]] == ["1.md", "0.md"]
    assert rest["next_cursor"] is None


PARAMETERS: list[tuple[dict[str, Any], str]] = [
    ({"colour": "red"}, "colour"),
    ({"status": "odd"}, "status"),
    ({"collection": "a/b"}, "collection"),
    ({"created_after": "yesterday"}, "created_after"),
    ({"created_after": "2026-01-01T00:00:00"}, "created_after"),
    ({"created_after": "2026-01-02T00:00:00Z", "created_before": "2026-01-01T00:00:00Z"}, "created_before"),
    ({"limit": 0}, "limit"),
    ({"limit": "many"}, "limit"),
    ({"filter": "[]"}, "filter"),
    ({"filter": '{"a": {"$magic": 1}}'}, "filter"),
    ({"include_deleted": "perhaps"}, "include_deleted"),
]


async def test_a_bad_parameter_is_refused_by_its_name(quiet: Shelf) -> None:
    for params, field in PARAMETERS:
        answer = await quiet.get("/documents", params=params)
        assert (params, *code(answer)) == (params, 422, "invalid"), answer.text
        assert str(answer.json()["error"]["field"]).startswith(field), answer.text


async def test_what_is_not_there_is_not_found(quiet: Shelf) -> None:
    for path in ("", "/status", "/chunks", "/content", "/revisions"):
        assert code(await quiet.get(f"/documents/none{path}")) == (404, "document_not_found"), path
    assert code(await quiet.call("DELETE", "/documents/none")) == (404, "document_not_found")
    assert code(await quiet.call("PATCH", "/documents/none", json={"title": "x"})) == (404, "document_not_found")
    assert code(await quiet.call("PATCH", "/documents/none", json={})) == (422, "invalid")
    assert code(await quiet.call("PATCH", "/documents/none", json={"status": "completed"})) == (422, "invalid")
    assert code(await quiet.get("/documents", params={"cursor": "x"})) in ((400, "malformed"), (422, "invalid"))


async def test_hostile_bytes_are_sent_so_that_they_harm_nobody(quiet: Shelf) -> None:
    # Given a page with a script
    answer = await quiet.upload(HOSTILE_PAGE, "page.html", **{"async": True})
    path = f"/documents/{answer.json()['document_id']}/content"
    # When it is read, then it is to be saved
    sent = await quiet.get(path)
    assert sent.text == HOSTILE_PAGE
    assert sent.headers["content-disposition"].startswith("attachment;")
    assert sent.headers["x-content-type-options"] == "nosniff"
    # And shown it runs nothing
    shown = await quiet.get(path, params={"inline": "true"})
    policy = shown.headers["content-security-policy"]
    assert policy.startswith("sandbox;")
    assert "allow-scripts" not in policy
    assert "default-src 'none'" in policy
    # And a kind that nobody knows is never shown
    unknown = await quiet.upload(b"PK\x03\x04 no archive", "a.svg", **{"async": True})
    other = await quiet.get(f"/documents/{unknown.json()['document_id']}/content", params={"inline": "true"})
    assert other.headers["content-disposition"].startswith("attachment;")
    assert other.headers["content-type"] == "application/octet-stream"


RANGES = [
    ("bytes=0-3", 206, "0123", "bytes 0-3/10"),
    ("bytes=7-", 206, "789", "bytes 7-9/10"),
    ("bytes=-2", 206, "89", "bytes 8-9/10"),
    ("bytes=5-99", 206, "56789", "bytes 5-9/10"),
    ("bytes=10-", 416, "", "bytes */10"),
    ("bytes=0-1,3-4", 200, "0123456789", None),
    ("bytes=4-2", 200, "0123456789", None),
    ("bytes=-", 200, "0123456789", None),
    ("lines=1-2", 200, "0123456789", None),
]


async def test_a_range_of_the_bytes(quiet: Shelf) -> None:
    answer = await quiet.upload("0123456789", "ten.txt", **{"async": True})
    path = f"/documents/{answer.json()['document_id']}/content"
    for wanted, status, text, said in RANGES:
        sent = await quiet.get(path, headers={"range": wanted})
        found = (wanted, sent.status_code, sent.text, sent.headers.get("content-range"))
        assert found == (wanted, status, text, said)


async def test_a_changed_document_is_found_by_what_is_new_of_it(shelf: Shelf) -> None:
    id = (await shelf.stored(metadata={"year": 2020}))["document_id"]
    # When
    changed = await shelf.call("PATCH", f"/documents/{id}", json={"title": "My garden", "metadata": {"year": 2026}})
    assert changed.status_code == 200, changed.text
    await shelf.ended(changed.json()["job_id"])
    # Then
    found = (await shelf.get(f"/documents/{id}")).json()
    assert (found["title"], found["metadata"], found["status"]) == ("My garden", {"year": 2026}, "completed")
    (chunk,) = (await shelf.get(f"/documents/{id}/chunks")).json()["items"]
    assert chunk["metadata"]["year"] == 2026


async def test_a_deleted_document_is_found_no_more_and_comes_back_with_its_bytes(shelf: Shelf) -> None:
    id = (await shelf.stored())["document_id"]
    # When
    assert (await shelf.call("DELETE", f"/documents/{id}")).json()["status"] == "deleted"
    # Then
    assert (await shelf.get("/documents")).json()["items"] == []
    assert len((await shelf.get("/documents", params={"include_deleted": "true"})).json()["items"]) == 1
    assert (await shelf.get(f"/documents/{id}/chunks")).json()["items"] == []
    assert (await shelf.call("DELETE", f"/documents/{id}")).status_code == 200
    # When it is uploaded again
    again = await shelf.stored()
    assert (again["document_id"], again["status"], again["deduplicated"]) == (id, "completed", False)


async def test_a_key_needs_the_scope_and_its_jobs_are_its_owners(shelf: Shelf) -> None:
    # Given keys of two owners, and one that may not
    client = shelf.api.app.client()
    scopes = ("documents", "jobs:read")
    ada, bob = [shelf.of((await create_key(client, name, scopes=scopes))[1]) for name in ("ada", "bob")]
    other = shelf.of((await create_key(client, "eve", scopes=("jobs:read", "jobs:write")))[1])
    shelf.api.forget_callers()
    # Then nobody is told anything without a key, and who lacks the scope is refused
    assert code(await shelf.get("/documents")) == (401, "unauthenticated")
    assert code(await other.get("/documents")) == (403, "forbidden")
    assert code(await other.upload()) == (403, "forbidden")
    # When one uploads
    uploaded = (await ada.upload(GARDEN, collection="books")).json()
    # Then both find the document, and the job is its uploader's alone
    assert (await bob.get(f"/documents/{uploaded['document_id']}")).status_code == 200
    assert (await ada.get(f"/jobs/{uploaded['job_id']}")).json()["owner"] == "ada"
    assert code(await bob.get(f"/jobs/{uploaded['job_id']}")) == (404, "job_not_found")
    again = await bob.upload(HARBOUR, "harbour.md", collection="books")
    assert (await bob.get(f"/jobs/{again.json()['job_id']}")).json()["owner"] == "bob"
