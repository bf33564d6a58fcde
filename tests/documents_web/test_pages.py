"""The pages of documents as the server makes them: who may see them, what they say, what they refuse."""

from __future__ import annotations

import pytest

from abaca.keys import create_key
from abaca_documents.model import Chunk, ChunkMetadata, Highlight
from abaca_documents.model.chunks import chunk_hash
from abaca_documents.web.pages.common import marked
from abaca_documents.web.pages.one import joined
from tests.documents_web.calling import Shelf

TEXT = "One two three four five."


def cut(start: int, end: int, text: str = "") -> Chunk:
    words = text or TEXT[start:end]
    where = ChunkMetadata(start_char=start, end_char=end)
    return Chunk(document_id="d", collection="c", index=start, text=words, chunk_hash=chunk_hash(words), where=where)


@pytest.mark.parametrize(
    ("chunks", "whole"),
    [
        ([cut(0, 13), cut(8, 18), cut(14, 24)], TEXT),
        ([cut(0, 24), cut(4, 7), cut(8, 24)], TEXT),
        ([cut(0, 3), cut(4, 24)], TEXT),
        ([cut(0, 3), cut(8, 13)], "One\n\nthree"),
        ([cut(0, 3), cut(0, 0, "elsewhere")], "One\n\nelsewhere"),
        ([], ""),
    ],
)
def test_a_text_is_put_together_from_chunks_that_overlap(chunks: list[Chunk], whole: str) -> None:
    assert joined(chunks) == whole


def test_a_text_ends_and_begins_at_the_passage() -> None:
    assert joined([cut(0, 13)], until=8) + TEXT[8:13] + joined([cut(8, 18), cut(14, 24)], begin=13) == TEXT


@pytest.mark.parametrize(
    ("spans", "stretches"),
    [
        ([(0, 3), (8, 13)], [("One", True), (" two ", False), ("three", True), (" four five.", False)]),
        ([(0, 7), (4, 13)], [("One two", True), (" three", True), (" four five.", False)]),
        ([(20, 99), (50, 60)], [("One two three four f", False), ("ive.", True)]),
    ],
)
def test_marks_that_overlap_or_lie_outside_are_taken_as_far_as_they_go(
    spans: list[tuple[int, int]], stretches: list[tuple[str, bool]]
) -> None:
    assert marked(TEXT, [Highlight(start=low, end=high) for low, high in spans]) == stretches


async def test_what_waits_is_listed_and_has_no_text_yet(quiet: Shelf) -> None:
    # Given a document that no worker takes in
    answer = (await quiet.upload(collection="books", **{"async": "true"})).json()
    # When
    shelf = await quiet.api.client.get("/ui/documents")
    one = await quiet.api.client.get(f"/ui/documents/{answer['document_id']}?chunk=0")
    # Then the pages say so, and look again by themselves
    assert shelf.status_code == one.status_code == 200
    assert "data-unsettled" in shelf.text
    assert "pending" in one.text
    assert "No search finds this document" in one.text
    assert "The passage is not here any more" in one.text
    policy = one.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/ui/documents?q=roses", 200),
        ("/ui/documents?q=%22%3E%3Cscript%3E&collection=../x&mode=none&offset=-1&status=no", 200),
        ("/ui/documents?cursor=nonsense", 400),
        ("/ui/documents?filename=%00", 200),
        ("/ui/documents/nobody", 404),
        ("/ui/documents/nobody?chunk=99999999999999999999", 404),
    ],
)
async def test_what_cannot_be_is_a_page_too(quiet: Shelf, path: str, status: int) -> None:
    answer = await quiet.api.client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert "<script>" not in answer.text.replace("<script src", "")


async def test_a_bad_size_is_refused_and_nothing_is_done(shelf: Shelf) -> None:
    # Given a document, and the token that a form carries
    document = await shelf.stored()
    path = f"/ui/documents/{document['document_id']}"
    page = (await shelf.api.client.get(path)).text
    token = page.partition('name="csrf" value="')[2].partition('"')[0]
    origin = {"Origin": str(shelf.api.client.base_url).rstrip("/")}
    # When a size is no number, or too small, or the token is missing
    forms = [{"csrf": token, "size": "many"}, {"csrf": token, "size": "1"}, {"size": "128"}]
    answers = [await shelf.api.client.post(f"{path}/reindex", data=form, headers=origin) for form in forms]
    # Then each is refused, and there is one revision still
    assert [each.status_code for each in answers] == [422, 422, 403]
    assert len((await shelf.library.documents.get(document["document_id"])).revisions) == 1


async def test_a_key_needs_the_scope(quiet: Shelf) -> None:
    # Given keys with and without the scope
    _, reader = await create_key(quiet.api.app.client(), "reader", scopes=["jobs:read"])
    _, clerk = await create_key(quiet.api.app.client(), "clerk", scopes=["documents"])
    # When each, and nobody, asks for the page
    keys = [{"Authorization": f"Bearer {key}"} for key in (reader, clerk)]
    answers = [await quiet.api.client.get("/ui/documents", headers=headers) for headers in (*keys, {})]
    # Then
    assert [each.status_code for each in answers] == [403, 200, 303]
