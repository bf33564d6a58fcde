"""Embedders as the settings name them: a service that answers, is away, or answers otherwise; and what is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from abaca import App, ConfigError, JobFailed
from abaca_documents.errors import EmbedderAway, ValidationError
from abaca_documents.library import Added, Library
from abaca_documents.model import CollectionRequest, DocumentStatus, SearchMode, SearchRequest, UploadJobResult
from abaca_documents.plugin import PLUGIN
from tests.documents_search.serving import Service, serving

LONG = 50
NAME = "http:small/3"
TEXT = b"Roses want sun and water."


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Service]]:
    """A service that the settings name, and that is not busy."""
    with serving() as running:
        running.busy = 0
        monkeypatch.setenv("ABACA_DOCUMENTS_EMBEDDER", NAME)
        monkeypatch.setenv("ABACA_DOCUMENTS_EMBEDDING_URL", running.address)
        monkeypatch.setenv("ABACA_DOCUMENTS_EMBEDDING_KEY", "sesame")
        yield running


@asynccontextmanager
async def working(folder: Path) -> AsyncIterator[Library]:
    """A library with a worker, as its settings are at that moment."""
    app = App(f"sqlite:///{folder / 'jobs.db'}", plugins=[PLUGIN])
    async with app, app.worker(queues=PLUGIN.queues):
        yield Library.of(app)


async def ended(added: Added) -> UploadJobResult:
    assert added.job is not None
    return await added.job.result(timeout=LONG)


async def test_a_collection_is_embedded_by_the_service_that_the_settings_name(
    tmp_path: Path, service: type[Service]
) -> None:
    # Given a library whose settings name a service
    async with working(tmp_path) as library:
        # When a document is added, and somebody searches by meaning
        assert (await ended(await library.add(TEXT, filename="a.txt"))).chunks_embedded == 1
        found = await library.search(SearchRequest(query="flowers", collection="default", mode=SearchMode.VECTOR))
        # Then the collection carries the embedder's name, and the service made both vectors, with the key
        index = (await library.documents.get_collection("default")).index
        assert (index.embedder, index.dimension) == (NAME, 3)
        assert [each.text for each in found.results] == [TEXT.decode()]
        assert [each["input"] for each in service.seen] == [[TEXT.decode()], ["flowers"]]
        assert {each["token"] for each in service.seen} == {"Bearer sesame"}


async def test_a_service_that_is_busy_for_a_while_only_delays_a_document(
    tmp_path: Path, service: type[Service]
) -> None:
    async with working(tmp_path) as library:
        service.busy = 6  # one attempt asks five times
        added = await library.add(TEXT, filename="a.txt")
        assert (await ended(added)).status is DocumentStatus.COMPLETED
        assert added.job is not None
        assert (await added.job.info()).attempts == 2


@pytest.mark.parametrize(
    ("name", "reason"),
    [("http:small/4", "vectors of 3 numbers; 4 were expected"), ("http:wrong/3", "answered 400 after 1 tries")],
)
async def test_a_service_that_will_never_fit_fails_the_document_at_once(
    tmp_path: Path, service: type[Service], name: str, reason: str
) -> None:
    # Given a collection whose embedder the service does not serve as it says
    async with working(tmp_path) as library:
        await library.create_collection(CollectionRequest(name="books", embedder=name))
        added = await library.add(TEXT, collection="books", filename="a.txt")
        # When its job runs
        with pytest.raises(JobFailed, match=reason):
            await ended(added)
        # Then it ran once, and the document says why
        assert added.job is not None
        assert (await added.job.info()).attempts == 1
        assert reason in (await library.documents.get(added.document.id)).error


async def test_a_collection_whose_service_no_setting_names_says_what_to_set(
    tmp_path: Path, service: type[Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a collection that a service embedded
    async with working(tmp_path) as library:
        await ended(await library.add(TEXT, filename="a.txt"))
    # When the settings name no service any more
    monkeypatch.delenv("ABACA_DOCUMENTS_EMBEDDING_URL")
    async with working(tmp_path) as library:
        # Then a search says what is missing, and words are found all the same
        with pytest.raises(ValidationError, match="ABACA_DOCUMENTS_EMBEDDING_URL"):
            await library.search("flowers")
        request = SearchRequest(query="roses", collection="default", mode=SearchMode.KEYWORD)
        assert len((await library.search(request)).results) == 1
    # And one that is away is named
    monkeypatch.setenv("ABACA_DOCUMENTS_EMBEDDING_URL", "http://127.0.0.1:9/v1")
    async with working(tmp_path) as library:
        with pytest.raises(EmbedderAway, match=r"127\.0\.0\.1:9/v1/embeddings answered nothing after 2 tries"):
            await library.search("flowers")


async def test_what_was_embedded_once_is_known_after_a_restart_until_its_document_is_purged(
    tmp_path: Path, service: type[Service]
) -> None:
    # Given a document, and a restart
    async with working(tmp_path) as library:
        first = await library.add(TEXT, filename="a.txt")
        await ended(first)
    asked = len(service.seen)
    async with working(tmp_path) as library:
        # When another collection is given the same text
        result = await ended(await library.add(TEXT, collection="other", filename="b.txt"))
        # Then nothing is embedded
        assert (result.chunk_count, result.chunks_embedded, len(service.seen)) == (1, 0, asked)
        # When both are purged
        for each in (first.document.id, result.document_id):
            await library.tasks.document_delete.run(each)
    # Then no file holds the text or its vector
    left = b"".join(path.read_bytes() for path in tmp_path.rglob("*documents*/**/*") if path.is_file())
    left += b"".join(path.read_bytes() for path in tmp_path.glob("*.documents*.db*"))
    assert TEXT not in left
    # And the text is embedded anew when it comes again
    async with working(tmp_path) as library:
        assert (await ended(await library.add(TEXT, filename="a.txt"))).chunks_embedded == 1


def test_the_key_is_never_shown_and_a_wrong_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABACA_DOCUMENTS_EMBEDDING_KEY", "sesame")
    app = App("memory://", plugins=[PLUGIN])
    assert app.settings.source("documents.embedding_key").shown == "***"
    for name in ("http:small", "http:/3", "http:small/0", "openai"):
        monkeypatch.setenv("ABACA_DOCUMENTS_EMBEDDER", name)
        with pytest.raises(ConfigError, match="ABACA_DOCUMENTS_EMBEDDER"):
            _ = App("memory://", plugins=[PLUGIN]).settings
