"""Uploads: forms and JSON, waited for or not, and everything that is refused."""

from __future__ import annotations

import json
from typing import Any

from tests.documents_search.models import needs_static
from tests.documents_web.calling import GARDEN, Shelf, code

pytestmark = needs_static
ASYNC_FIELDS = {"document_id", "job_id", "filename", "collection", "status", "message"}
SYNC_FIELDS = {*ASYNC_FIELDS, "chunk_count", "processing_time_ms", "metadata"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


async def test_a_form_is_answered_with_the_sources_fields_when_it_has_ended_and_before(shelf: Shelf) -> None:
    # When a form with every field of the source's is sent, and waited for
    answer = await shelf.upload(
        collection="books",
        chunking_strategy="sentence",
        chunk_size="200",
        chunk_overlap="20",
        extract_metadata="true",
        num_questions="2",
        max_pages="30",
        metadata={"year": 2026},
    )
    # Then the answer tells the outcome
    found = answer.json()
    assert (answer.status_code, found["status"]) == (201, "completed")
    assert found.keys() >= SYNC_FIELDS
    assert found["chunk_count"] == 1
    assert found["metadata"]["year"] == 2026
    assert len(found["metadata"]["questions"]) == 2
    assert answer.headers["location"] == f"/api/v1/documents/{found['document_id']}"
    # When one is not waited for
    later = await shelf.upload("# Another\n\nText.", "other.md", collection="books", **{"async": True})
    # Then it is accepted, its job is in the API, and ends
    assert (later.status_code, later.json()["status"]) == (202, "queued")
    assert later.json().keys() == {*ASYNC_FIELDS, "deduplicated"}
    assert (await shelf.ended(later.json()["job_id"]))["status"] == "completed"
    # And the events of the job tell of its stages
    events = (await shelf.get(f"/jobs/{later.json()['job_id']}/events")).text
    assert '"stage":"embed"' in events or '"stage":"parse"' in events


async def test_the_same_bytes_are_not_stored_twice(shelf: Shelf) -> None:
    first = await shelf.stored()
    # When they come again, under another name
    again = await shelf.upload(name="copy.md", collection="books")
    # Then the answer is the document that has them
    assert again.status_code == 200
    assert again.json().keys() >= SYNC_FIELDS
    assert (again.json()["document_id"], again.json()["deduplicated"]) == (first["document_id"], True)
    assert again.json()["job_id"] is None
    # And each policy is as the table says
    error = await shelf.upload(collection="books", on_duplicate="error")
    assert code(error) == (409, "duplicate_document")
    assert error.json()["error"]["details"] == {"document_id": first["document_id"]}
    beside = await shelf.upload(collection="books", on_duplicate="version")
    assert beside.json()["document_id"] != first["document_id"]
    revised = await shelf.upload(collection="books", on_duplicate="replace")
    assert revised.json()["revision"] == 2


async def test_json_with_text_or_with_chunks_is_a_document(shelf: Shelf) -> None:
    # When text comes without a name
    answer = await shelf.call("POST", "/documents", json={"text": GARDEN, "collection": "books", "document_id": "g1"})
    assert (answer.status_code, answer.json()["filename"]) == (201, "g1.txt")
    # And chunks that somebody else has cut
    chunks = [{"text": "Roses want sun.", "page": 3, "heading_path": ["Roses"]}, {"text": "Ivy does not."}]
    given = await shelf.call("POST", "/documents", json={"chunks": chunks, "collection": "books", "source_id": "s"})
    assert (given.status_code, given.json()["chunk_count"]) == (201, 2)
    # Then those are the chunks, in their places
    read = (await shelf.get(f"/documents/{given.json()['document_id']}/chunks")).json()
    assert [each["text"] for each in read["items"]] == ["Roses want sun.", "Ivy does not."]
    assert (read["items"][0]["page"], read["items"][0]["heading_path"]) == (3, ["Roses"])
    assert [each["start_char"] for each in read["items"]] == [0, 17]


async def test_without_a_worker_an_upload_is_accepted_when_its_time_is_over(quiet: Shelf) -> None:
    answer = await quiet.upload(wait="0.2")
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    found = (await quiet.get(f"/documents/{answer.json()['document_id']}/status")).json()
    assert (found["status"], found["progress"], found["is_searchable"]) == ("pending", 0.0, False)


async def test_what_cannot_be_taken_in_is_told(shelf: Shelf) -> None:
    # Given a file that is no text behind its name, and is found out only by its parser
    answer = await shelf.upload(b"%PDF-1.7 and nothing more", "bad.pdf", collection="books")
    # Then the answer says so, and the document too
    assert (answer.status_code, answer.json()["status"]) == (201, "failed")
    assert answer.json()["error"]
    document = (await shelf.get(f"/documents/{answer.json()['document_id']}")).json()
    assert (document["status"], document["error"]) == ("failed", answer.json()["error"])


REFUSED: list[tuple[str, str | bytes, str, dict[str, Any], tuple[int, str], str | None]] = [
    ("picture", PNG, "a.md", {}, (415, "unsupported_type"), None),
    ("old office file", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1xx", "a.doc", {}, (415, "unsupported_type"), None),
    ("empty", b"", "a.md", {}, (422, "unreadable_document"), None),
    ("collection", "x", "a.md", {"collection": "../x"}, (422, "invalid"), "collection"),
    ("strategy", "x", "a.md", {"chunking_strategy": "magic"}, (422, "invalid"), "chunking_strategy"),
    ("size is a word", "x", "a.md", {"chunk_size": "large"}, (422, "invalid"), "chunk_size"),
    ("size is too small", "x", "a.md", {"chunk_size": "3"}, (422, "invalid"), "chunk_size"),
    ("overlap", "x", "a.md", {"chunk_size": "100", "chunk_overlap": "100"}, (422, "invalid"), "chunk_overlap"),
    ("questions", "x", "a.md", {"num_questions": "11"}, (422, "invalid"), "num_questions"),
    ("pages", "x", "a.md", {"max_pages": "-1"}, (422, "invalid"), "max_pages"),
    ("flag", "x", "a.md", {"extract_metadata": "perhaps"}, (422, "invalid"), "extract_metadata"),
    ("async", "x", "a.md", {"async": "perhaps"}, (422, "invalid"), "async"),
    ("policy", "x", "a.md", {"on_duplicate": "guess"}, (422, "invalid"), "on_duplicate"),
    ("metadata is a list", "x", "a.md", {"metadata": "[1]"}, (422, "invalid"), "metadata"),
    ("metadata is no JSON", "x", "a.md", {"metadata": "{"}, (422, "invalid"), "metadata"),
    ("name in metadata", "x", "a.md", {"metadata": {"a.b": 1}}, (422, "invalid"), "metadata"),
    ("id", "x", "a.md", {"document_id": "a/b"}, (422, "invalid"), "document_id"),
    ("reserved id", "x", "a.md", {"document_id": "stats"}, (422, "invalid"), "document_id"),
    ("unknown field", "x", "a.md", {"colour": "red"}, (422, "invalid"), "colour"),
    ("control characters", "x", "a.md", {"filename": "a\x07.md"}, (422, "invalid"), "filename"),
    ("long name", "x", "a" * 256 + ".md", {}, (422, "invalid"), "filename"),
    ("large field", "x", "a.md", {"metadata": {"a": "b" * 70_000}}, (422, "invalid"), "metadata"),
]


async def test_a_bad_form_is_refused_by_its_field(quiet: Shelf) -> None:
    for what, content, name, fields, expected, field in REFUSED:
        answer = await quiet.upload(content, name, **{"async": "true", **fields})
        assert (what, *code(answer), answer.json()["error"]["field"]) == (what, *expected, field), answer.text
    # And nothing is left of any
    assert (await quiet.get("/documents")).json()["items"] == []
    assert await quiet.library.documents.list_collections() == []


BODIES: list[tuple[str, Any, tuple[int, str], str | None]] = [
    ("neither", {"collection": "books"}, (422, "invalid"), "text"),
    ("both", {"text": "a", "chunks": [{"text": "a"}]}, (422, "invalid"), "text"),
    ("blank", {"text": " \n"}, (422, "invalid"), "text"),
    ("text is a number", {"text": 5}, (422, "invalid"), "text"),
    ("no chunks", {"chunks": []}, (422, "invalid"), "chunks"),
    ("empty chunk", {"chunks": [{"text": ""}]}, (422, "unreadable_document"), None),
    ("chunk with more", {"chunks": [{"text": "a", "x": 1}]}, (422, "invalid"), "chunks[0]"),
    ("size is text", {"text": "a", "chunk_size": "512"}, (422, "invalid"), "chunk_size"),
    ("metadata", {"text": "a", "metadata": []}, (422, "invalid"), "metadata"),
    ("async", {"text": "a", "async": "yes"}, (422, "invalid"), "async"),
]


async def test_a_bad_body_is_refused_by_its_field(quiet: Shelf) -> None:
    for what, body, expected, field in BODIES:
        answer = await quiet.call("POST", "/documents", json=body)
        assert (what, *code(answer), answer.json()["error"]["field"]) == (what, *expected, field), answer.text


HOSTILE = [
    ("../../etc/passwd.md", "passwd.md"),
    ("..\\..\\windows\\win.md", "win.md"),
    ("/", "document.txt"),
    ("-rf $(reboot).md", "-rf $(reboot).md"),
    ("naïve 文書 \u202egnp.md", "naïve 文書 \u202egnp.md"),
    ('quo"te; filename="x.md', 'quo"te; filename="x.md'),
    ("<script>alert(1)</script>.md", "script>.md"),
]


async def test_a_name_is_a_name_and_no_path(quiet: Shelf) -> None:
    for name, kept in HOSTILE:
        # When
        answer = await quiet.upload(f"text of {name}", name, **{"async": "true"})
        # Then
        assert (answer.status_code, answer.json()["filename"]) == (202, kept)
        # And what is sent back is one header that says the name and nothing else
        sent = await quiet.get(f"/documents/{answer.json()['document_id']}/content")
        assert sent.headers["content-disposition"].startswith('attachment; filename="')
        assert sent.headers["content-disposition"].count('"') == 2


async def test_what_is_no_form_is_refused(quiet: Shelf) -> None:
    form = {"content-type": "multipart/form-data; boundary=xx"}
    part = b'--xx\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
    whole = part % (b"file", b'; filename="a.md"', b"text") + b"--xx--\r\n"
    cases = [
        ({"content-type": "multipart/form-data"}, whole, (400, "malformed")),
        (form, b"no form at all", (400, "malformed")),
        (form, whole[:-12], (400, "malformed")),
        (form, part % (b"async", b"", b"true") + b"--xx--\r\n", (422, "invalid")),
        (form, part % (b"other", b'; filename="a.md"', b"text") + b"--xx--\r\n", (422, "invalid")),
        (form, part % (b"file", b'; filename="a.md"', b"text") + whole, (422, "invalid")),
        (form, part % (b"title", b"", b"a") + part % (b"title", b"", b"b") + whole, (422, "invalid")),
        (form, part % (b"title", b"", b"\xff") + whole, (422, "invalid")),
        (form, part % (b"a", b"; " + b"x" * 9000, b"") + whole, (400, "malformed")),
        (form, b"".join(part % (b"f%d" % number, b"", b"") for number in range(50)) + whole, (400, "malformed")),
        ({"content-type": "text/plain"}, b"text", (415, "unsupported_type")),
        ({"content-type": "application/json"}, b"{", (400, "malformed")),
    ]
    for headers, content, expected in cases:
        answer = await quiet.call("POST", "/documents", content=content, headers=headers)
        assert code(answer) == expected, (content[:60], answer.text)
    assert (await quiet.get("/documents")).json()["items"] == []


async def test_a_form_sent_again_under_its_key_is_one_upload_whatever_its_boundary(quiet: Shelf) -> None:
    key = {"Idempotency-Key": "once"}
    first = await quiet.upload(headers=key, **{"async": "true"})
    # When the same comes again, with another boundary
    again = await quiet.upload(headers=key, **{"async": "true"})
    # Then the answer is the same
    assert again.json() == first.json()
    assert again.headers["idempotent-replay"] == "true"
    # And another file under this key is refused
    assert code(await quiet.upload("other", headers=key, **{"async": "true"})) == (422, "invalid")
    # And JSON is told apart as well
    text = {"text": "a", "async": True}
    one, two = [await quiet.call("POST", "/documents", json=text, headers={"Idempotency-Key": "j"}) for _ in range(2)]
    assert one.json() == two.json()


async def test_an_upload_above_the_limit_is_refused_and_leaves_nothing(
    still: Shelf,
) -> None:
    largest = 50_000_000

    async def flood() -> Any:
        yield b'--xx\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        for _ in range(largest // 1_000_000 + 1):
            yield bytes(1_000_000)

    # When a file is larger than it may be, and does not say so
    answer = await still.call(
        "POST", "/documents", content=flood(), headers={"content-type": "multipart/form-data; boundary=xx"}
    )
    assert code(answer) == (413, "too_large")
    # And one that says so
    announced = {"content-type": "multipart/form-data; boundary=xx", "content-length": str(largest * 2)}
    assert code(await still.call("POST", "/documents", content=b"", headers=announced)) == (413, "too_large")
    # And JSON
    text = json.dumps({"text": "a" * (17 << 20)})
    large = await still.call("POST", "/documents", content=text, headers={"content-type": "application/json"})
    assert code(large) == (413, "too_large")
    # Then nothing lies on the disk
    folder = next(still.folder.glob("*.documents"))
    assert list((folder / "incoming").iterdir()) == []
