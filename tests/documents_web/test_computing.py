"""Computing without storing: the source's next step, with its shapes."""

from __future__ import annotations

from typing import Any

import pytest

from abaca import App
from abaca.keys import create_key
from abaca_documents.plugin import PLUGIN
from tests.documents_search.models import needs_static
from tests.documents_search.test_confined import needs_sandbox
from tests.documents_web.calling import GARDEN, Shelf, code
from tests.http.harness import serving

pytestmark = needs_static


async def test_text_is_read_cut_embedded_and_described_and_nothing_is_stored(quiet: Shelf) -> None:
    # When text is read
    parsed = (await quiet.call("POST", "/parse", json={"text": GARDEN, "filename": "garden.md"})).json()
    # Then the answer has the source's shape
    assert parsed.keys() >= {"text", "markdown", "metadata", "pages", "tables", "figures", "extraction_method"}
    assert (parsed["title"], parsed["media_type"]) == ("The garden", "text/markdown")
    # When it is cut
    wanted = {"text": parsed["text"], "strategy": "fixed", "chunk_size": 20, "chunk_overlap": 5, "metadata": {"a": 1}}
    cut = (await quiet.call("POST", "/chunk", json=wanted)).json()
    assert (cut["strategy_used"], cut["chunk_size"], cut["chunk_overlap"]) == ("fixed", 20, 5)
    assert cut["total_chunks"] == len(cut["chunks"]) > 2
    for at, chunk in enumerate(cut["chunks"]):
        about = chunk["metadata"]
        assert about.keys() >= {"chunk_index", "title", "keywords", "questions", "token_count"}
        assert (chunk["index"], about["chunk_index"]) == (at, at)
        assert parsed["text"][about["start_char"] : about["end_char"]] == chunk["text"]
    # When it is embedded
    texts = [chunk["text"] for chunk in cut["chunks"]]
    embedded = (await quiet.call("POST", "/embed", json={"texts": texts})).json()
    assert (embedded["count"], embedded["dimension"]) == (len(texts), 256)
    assert abs(sum(number**2 for number in embedded["embedding"]) - 1) < 1e-4
    query = (await quiet.call("POST", "/embed", json={"text": texts[0], "is_query": True, "model": "static"})).json()
    assert query["embeddings"][0] == pytest.approx(embedded["embeddings"][0], abs=1e-5)
    # When it is described
    about = (await quiet.call("POST", "/metadata", json={"text": parsed["text"], "num_questions": 2})).json()
    assert about.keys() == {"title", "language", "keywords", "summary", "questions"}
    assert (about["title"], len(about["questions"])) == ("The garden", 2)
    # Then nothing is there
    assert (await quiet.get("/documents")).json()["items"] == []
    assert await quiet.library.documents.list_collections() == []


@needs_sandbox
async def test_a_file_is_read_in_the_sandbox(quiet: Shelf) -> None:
    page = "<html><title>Harbour</title><body><h1>Ships</h1><p>They wait.</p><script>bad()</script></body></html>"
    answer = await quiet.call("POST", "/parse", files={"file": ("a.html", page)}, data={"max_pages": "5"})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["title"], "bad()" in answer.json()["text"]) == ("Harbour", False)


CASES: list[tuple[str, dict[str, Any], tuple[int, str], str | None]] = [
    ("/parse", {"json": {"text": 5}}, (422, "invalid"), "text"),
    ("/parse", {"json": {"text": ""}}, (422, "unreadable_document"), None),
    ("/parse", {"json": {"text": "a", "max_pages": -1}}, (422, "invalid"), "max_pages"),
    ("/parse", {"files": {"file": ("a.md", b"")}}, (422, "invalid"), "file"),
    ("/parse", {"files": {"file": ("a.md", b"\x89PNG....")}}, (415, "unsupported_type"), None),
    ("/parse", {"files": {"file": ("a.md", b"x")}, "data": {"max_pages": "many"}}, (422, "invalid"), "max_pages"),
    ("/parse", {"content": b"x", "headers": {"content-type": "text/plain"}}, (415, "unsupported_type"), None),
    ("/parse", {"json": {"text": "a" * (5 << 20)}}, (413, "too_large"), None),
    ("/chunk", {"json": {"text": " "}}, (422, "invalid"), "text"),
    ("/chunk", {"json": {"text": "a", "strategy": "none"}}, (422, "invalid"), "strategy"),
    ("/chunk", {"json": {"text": "a", "chunk_size": 1}}, (422, "invalid"), "chunk_size"),
    ("/chunk", {"json": {"text": "a", "chunk_overlap": 512}}, (422, "invalid"), "chunk_overlap"),
    ("/chunk", {"json": {"text": "a", "size": 5}}, (422, "invalid"), None),
    ("/chunk", {"json": {"text": "a" * (5 << 20)}}, (413, "too_large"), None),
    ("/embed", {"json": {}}, (422, "invalid"), "text"),
    ("/embed", {"json": {"text": "a", "texts": ["a"]}}, (422, "invalid"), "text"),
    ("/embed", {"json": {"texts": []}}, (422, "invalid"), "texts"),
    ("/embed", {"json": {"texts": ["a", " "]}}, (422, "invalid"), "texts[1]"),
    ("/embed", {"json": {"texts": ["a"] * 257}}, (422, "invalid"), "texts"),
    ("/embed", {"json": {"text": "a", "model": "none"}}, (422, "invalid"), "embedder"),
    ("/metadata", {"json": {"text": ""}}, (422, "invalid"), "text"),
    ("/metadata", {"json": {"text": "a", "num_questions": 11}}, (422, "invalid"), "num_questions"),
]


async def test_what_cannot_be_computed_is_refused_by_its_field(quiet: Shelf) -> None:
    for path, options, expected, field in CASES:
        answer = await quiet.call("POST", path, **options)
        assert (path, str(options)[:60], code(answer)) == (path, str(options)[:60], expected), answer.text
        assert answer.json()["error"]["field"] == field, (options, answer.text)


async def test_a_key_does_so_much_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a service that allows two at once
    monkeypatch.setenv("ABACA_DOCUMENTS_RATE", "60")
    monkeypatch.setenv("ABACA_DOCUMENTS_BURST", "2")
    async with serving(App("memory://", plugins=[PLUGIN])) as api:
        by = Shelf(api).of((await create_key(api.app.client(), "ada", scopes=("documents",)))[1])
        # When a key asks for as many uploads and computations as there come in a second, and more
        answers = [await by.upload(f"text {number}", **{"async": True}) for number in range(2)]
        answers += [await by.call("POST", "/metadata", json={"text": "a"}) for _ in range(20)]
        # Then it is told when to come again
        assert [answer.status_code for answer in answers[:2]] == [202, 202]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert code(refused[0]) == (429, "rate_limited")
        assert int(refused[0].headers["retry-after"]) >= 1
