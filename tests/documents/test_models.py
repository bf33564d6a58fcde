"""The values: what is refused by which field, what may follow what, and what goes over the wire."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import product
from typing import Any

import msgspec
import pytest

from abaca_documents import model
from abaca_documents.errors import InvalidTransition, ValidationError
from abaca_documents.model import (
    Chunk,
    ChunkDTO,
    ChunkMetadata,
    ChunkRequest,
    CollectionDTO,
    CollectionRequest,
    CollectionStats,
    CollectionStatsDTO,
    DocumentDTO,
    DocumentFilter,
    DocumentStats,
    DocumentStatsDTO,
    DocumentStatus,
    HybridSettings,
    ImportKind,
    ImportPayload,
    Rerank,
    SearchRequest,
    SearchResult,
    SearchResultDTO,
    Stage,
    check_transition,
    chunk_hash,
)
from tests.documents.making import NOON, collection, digest, document

REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: document("a b"), "document_id"),
    (lambda: document("../a"), "document_id"),
    (lambda: document("a", "x"), "collection"),
    (lambda: document("a", "-books-"), "collection"),
    (lambda: document("a", "b" * 64), "collection"),
    (lambda: document("a", filename=""), "filename"),
    (lambda: document("a", filename="a\nb"), "filename"),
    (lambda: document("a", content_hash="x"), "content_hash"),
    (lambda: document("a", chunk_overlap=512), "chunk_overlap"),
    (lambda: document("a", num_questions=11), "num_questions"),
    (lambda: document("a", generation=2, last_generation=1), "generation"),
    (lambda: document("a", metadata={"$a": 1}), "metadata"),
    (lambda: document("a", metadata={"a": {"b.c": 1}}), "metadata"),
    (lambda: document("a", metadata={"a": "x" * 40_000}), "metadata"),
    (lambda: document("a", metadata={"a": object()}), "metadata"),
    (lambda: document("a", deleted_at=NOON), "deleted_at"),
    (lambda: collection("ab"), "name"),
    (lambda: collection("books", description="x" * 2001), "description"),
    (lambda: CollectionRequest(name="a b c"), "name"),
    (lambda: DocumentFilter(created_after=NOON, created_before=NOON - timedelta(1)), "created_before"),
    (lambda: SearchRequest(query=" ", collection="books"), "query"),
    (lambda: SearchRequest(query="x"), "collection"),
    (lambda: SearchRequest(query="x", collection="books", top_k=101), "top_k"),
    (lambda: SearchRequest(query="x", collection="books", offset=-1), "offset"),
    (lambda: SearchRequest(query="x", collection="books", min_score=2), "min_score"),
    (
        lambda: SearchRequest(query="x", collection="books", hybrid=HybridSettings(vector_weight=0, keyword_weight=0)),
        "hybrid",
    ),
    (lambda: SearchRequest(query="x", collection="books", rerank=Rerank(mmr_lambda=2)), "rerank.mmr_lambda"),
    (lambda: ChunkRequest(text=" "), "text"),
    (lambda: ChunkRequest(text="x", chunk_size=1), "chunk_size"),
    (lambda: ImportPayload(collection="books", kind=ImportKind.ZIP), "path"),
]


def test_what_cannot_be_is_refused_by_its_field() -> None:
    for make, field in REFUSED:
        value = make()
        before = msgspec.structs.asdict(value)
        with pytest.raises(ValidationError) as caught:
            value.validate()
        assert caught.value.field == field
        assert not value.is_valid()
        assert msgspec.structs.asdict(value) == before, "validation changes nothing"


def test_a_status_follows_another_by_one_table() -> None:
    allowed = set()
    for before, after in product(DocumentStatus, DocumentStatus):
        try:
            check_transition("a", before, after)
        except InvalidTransition:
            continue
        allowed.add((before.value, after.value))
    assert {("pending", "completed"), ("deleted", "processing"), ("deleted", "completed")} & allowed == set()
    assert {("processing", "completed"), ("completed", "processing"), ("deleted", "pending")} <= allowed
    assert {status for status in DocumentStatus if status.is_terminal} == set(DocumentStatus) - {
        status for status in DocumentStatus if status.is_active
    }


def test_a_document_goes_over_the_wire_and_back() -> None:
    # Given a document with what only the registry knows
    kept = document("a", metadata={"tags": ["x"]}, generation=3, last_generation=4, version=9, index=1)
    # When it is shown as JSON and read again
    shown = msgspec.json.decode(msgspec.json.encode(DocumentDTO.from_model(kept)), type=DocumentDTO)
    # Then it has the source's names, times as RFC 3339, and nothing of the registry's own
    as_json = msgspec.to_builtins(shown)
    assert as_json["document_id"] == as_json["id"] == "a"
    assert as_json["created_at"] == "2026-05-01T12:00:00Z"
    assert {"generation", "version", "revisions", "is_purging"} & set(as_json) == set()
    assert shown.to_model() == document("a", metadata={"tags": ["x"]})


def test_a_chunk_goes_over_the_wire_without_its_vector() -> None:
    where = ChunkMetadata(start_char=3, end_char=7, page=2, heading_path=("A", "B"), keywords=("k",))
    kept = Chunk(
        document_id="a", collection="books", index=4, text="text", chunk_hash=chunk_hash("text"), where=where,
        embedding=b"\0" * 8,
    )  # fmt: skip
    shown = ChunkDTO.from_model(kept)
    assert (shown.chunk_id, shown.chunk_index, shown.page) == ("a:4", 4, 2)
    assert shown.to_model() == msgspec.structs.replace(kept, embedding=None)


def test_collections_and_hits_have_the_fields_of_the_source_system() -> None:
    hit = SearchResult(chunk_id="a:1", document_id="a", collection="books", chunk_index=1, score=0.5, filename="a.txt")
    shown = msgspec.to_builtins(SearchResultDTO.from_model(hit))
    wanted = "chunk_id document_id text score distance metadata chunk_index filename collection document"
    assert set(wanted.split()) <= set(shown)
    assert shown["document"] == {"id": "a", "filename": "a.txt", "title": ""}
    stats = CollectionStatsDTO.from_model(CollectionStats(name="books", documents=2, chunks=5))
    assert (stats.document_count, stats.chunk_count) == (2, 5)
    assert CollectionDTO.from_model(collection("books")).dimension == 8
    overall = DocumentStats(total=1, by_status={DocumentStatus.COMPLETED: 1})
    assert DocumentStatsDTO.from_model(overall).success_rate == 1.0
    assert DocumentStats().success_rate is None


@pytest.mark.parametrize("id", ["a", "a:", ":1", "a:x", "a:-1", "a:1:"])
def test_a_chunk_id_of_another_form_is_refused(id: str) -> None:
    with pytest.raises(ValidationError):
        model.split_chunk_id(id)


def test_marks_are_those_of_the_source_system() -> None:
    assert {stage.value: stage.mark for stage in Stage} == {
        "register": 0, "parse": 10, "chunk": 30, "embed": 50, "store": 70, "finish": 90, "done": 100,
    }  # fmt: skip


def test_every_value_of_the_source_system_is_there() -> None:
    wanted = (
        "Document DocumentStatus DocumentFilter DocumentStats DocumentDTO Chunk ChunkDTO SearchResult "
        "SearchResultDTO ChunkRequest SearchRequest SearchResponse Collection CollectionInfo "
        "CollectionStats CollectionRequest VectorDocument CollectionDTO CollectionStatsDTO JobType "
        "JobProgress UploadJobPayload UploadJobResult"
    )
    assert [name for name in wanted.split() if name not in model.__all__] == []
    assert digest("x") == chunk_hash("x")
