"""Searches and what they find. Field names are those of the source system's answers where it had them."""

from __future__ import annotations

from enum import StrEnum

from abaca_documents.errors import ValidationError
from abaca_documents.model.base import Metadata, Value, check_collection, check_document_id, check_range

MAX_QUERY = 4000
MAX_TOP_K = 100
MAX_OFFSET = 1000


class SearchMode(StrEnum):
    VECTOR = "vector"
    KEYWORD = "keyword"
    HYBRID = "hybrid"


class HybridSettings(Value, frozen=True, kw_only=True):
    """Reciprocal rank fusion: ``weight / (rrf_k + rank)`` from each list of ``candidates``."""

    rrf_k: int = 60
    vector_weight: float = 1.0
    keyword_weight: float = 1.0
    candidates: int = 100

    def validate(self) -> None:
        check_range(self.rrf_k, "hybrid.rrf_k", 1, 1000)
        check_range(self.vector_weight, "hybrid.vector_weight", 0, 100)
        check_range(self.keyword_weight, "hybrid.keyword_weight", 0, 100)
        check_range(self.candidates, "hybrid.candidates", 10, 1000)
        if not self.vector_weight + self.keyword_weight:
            raise ValidationError("hybrid", "both weights are 0")


class Rerank(Value, frozen=True, kw_only=True):
    """Maximal marginal relevance: 1 is relevance alone, 0 is difference alone."""

    mmr_lambda: float = 0.7

    def validate(self) -> None:
        check_range(self.mmr_lambda, "rerank.mmr_lambda", 0, 1)


class SearchRequest(Value, frozen=True, kw_only=True):
    """``collection`` or ``collections``. ``min_score`` is on the scale of ``SearchResult.score``."""

    query: str
    collection: str | None = None
    collections: tuple[str, ...] = ()
    mode: SearchMode = SearchMode.HYBRID
    top_k: int = 10
    offset: int = 0
    filter: Metadata = {}
    document_ids: tuple[str, ...] = ()
    min_score: float | None = None
    hybrid: HybridSettings = HybridSettings()
    rerank: Rerank | None = None
    group_by_document: bool = False
    highlight: bool = True
    include_content: bool = True
    use_cache: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*((self.collection,) if self.collection else ()), *self.collections)))

    def validate(self) -> None:
        if not self.query.strip():
            raise ValidationError("query", "it is empty")
        if len(self.query) > MAX_QUERY:
            raise ValidationError("query", f"{len(self.query)} characters; at most {MAX_QUERY} are read")
        if not self.names:
            raise ValidationError("collection", "it is missing: name a collection, or several in collections")
        for name in self.names:
            check_collection(name)
        for id in self.document_ids:
            check_document_id(id, "document_ids")
        check_range(self.top_k, "top_k", 1, MAX_TOP_K)
        check_range(self.offset, "offset", 0, MAX_OFFSET)
        if self.min_score is not None:
            check_range(self.min_score, "min_score", 0, 1)
        self.hybrid.validate()
        if self.rerank is not None:
            self.rerank.validate()


class Highlight(Value, frozen=True, kw_only=True):
    """A stretch of the result's ``text`` that answers the query; characters from 0, ``end`` behind the last."""

    start: int
    end: int


class ScoreBreakdown(Value, frozen=True, kw_only=True):
    """What each list said; ``None`` where the chunk was not in it. Ranks count from 1."""

    vector: float | None = None
    keyword: float | None = None
    rank_vector: int | None = None
    rank_keyword: int | None = None


class SearchResult(Value, frozen=True, kw_only=True):
    """``score`` is 0 to 1, higher is better: (1 + cos) / 2 in a vector search of a cosine collection, the fused rank
    over the best possible one in a hybrid one. ``distance`` is the metric's own, ``None`` without a vector."""

    chunk_id: str
    document_id: str
    collection: str
    chunk_index: int
    text: str = ""
    parent_text: str = ""
    score: float
    distance: float | None = None
    metadata: Metadata = {}
    start_char: int = 0
    end_char: int = 0
    page: int = 0
    heading_path: tuple[str, ...] = ()
    filename: str = ""
    title: str = ""
    highlights: tuple[Highlight, ...] = ()
    score_breakdown: ScoreBreakdown = ScoreBreakdown()


class SearchResponse(Value, frozen=True, kw_only=True):
    results: tuple[SearchResult, ...] = ()
    total_results: int = 0
    """How many there are before ``offset`` and ``top_k``, as far as the candidates go."""
    query: str = ""
    collection: str | None = None
    collections: tuple[str, ...] = ()
    mode: SearchMode = SearchMode.HYBRID
    time_taken_ms: float = 0.0
    from_cache: bool = False
