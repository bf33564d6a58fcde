"""Scores and orders: pure, from lists of candidates to one list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from abaca_documents.model import Chunk, HybridSettings, Metric, Rerank, ScoreBreakdown
from abaca_documents.protocols import Found

Key = tuple[str, int, int]


def vector_score(metric: Metric, distance: float) -> float:
    """From a metric's distance to 0..1. For vectors of length 1 all three metrics give the same: (1 + cos) / 2."""
    score = 1 - distance / (4 if metric is Metric.L2 else 2)
    return min(1.0, max(0.0, score))


def keyword_score(bm25: float) -> float:
    """From BM25, which has no upper end, to 0..1. It keeps the order, and depends on what else is in the collection."""
    return max(0.0, bm25) / (1.0 + max(0.0, bm25))


@dataclass(slots=True)
class Candidate:
    """A chunk with what each list said of it. `score` is on the scale of the answer."""

    chunk: Chunk
    score: float = 0.0
    distance: float | None = None
    vector: float | None = None
    keyword: float | None = None
    rank_vector: int | None = None
    rank_keyword: int | None = None

    @property
    def key(self) -> Key:
        return (self.chunk.collection + "/" + self.chunk.document_id, self.chunk.generation, self.chunk.index)

    def breakdown(self) -> ScoreBreakdown:
        return ScoreBreakdown(
            vector=self.vector, keyword=self.keyword, rank_vector=self.rank_vector, rank_keyword=self.rank_keyword
        )


@dataclass(slots=True)
class Lists:
    """The candidates of one search, from every collection, each list best first after `ranked`."""

    by_vector: list[tuple[float, Found]] = field(default_factory=list)
    by_keyword: list[tuple[float, Found]] = field(default_factory=list)

    def add_vector(self, metric: Metric, found: Iterable[Found]) -> None:
        self.by_vector += [(vector_score(metric, each.distance), each) for each in found]

    def add_keyword(self, found: Iterable[Found]) -> None:
        self.by_keyword += [(keyword_score(each.distance), each) for each in found]

    def candidates(self) -> list[Candidate]:
        """Each chunk once, with its scores and ranks."""
        known: dict[Key, Candidate] = {}
        for rank, (score, found) in enumerate(_ordered(self.by_vector), 1):
            each = _known(known, found.chunk)
            each.vector, each.rank_vector, each.distance = score, rank, found.distance
        for rank, (score, found) in enumerate(_ordered(self.by_keyword), 1):
            each = _known(known, found.chunk)
            each.keyword, each.rank_keyword = score, rank
        return list(known.values())


def _ordered(found: list[tuple[float, Found]]) -> list[tuple[float, Found]]:
    """Best first; equal ones in an order that does not depend on the store."""
    return sorted(found, key=lambda each: (-each[0], each[1].chunk.document_id, each[1].chunk.index))


def _known(known: dict[Key, Candidate], chunk: Chunk) -> Candidate:
    made = Candidate(chunk)
    return known.setdefault(made.key, made)


def order(candidates: Iterable[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda each: (-each.score, each.chunk.document_id, each.chunk.index))


def fuse(candidates: Iterable[Candidate], settings: HybridSettings) -> None:
    """Reciprocal rank fusion, over the best that a chunk can have: first in both lists is 1."""
    best = (settings.vector_weight + settings.keyword_weight) / (settings.rrf_k + 1)
    for each in candidates:
        total = 0.0
        if each.rank_vector is not None:
            total += settings.vector_weight / (settings.rrf_k + each.rank_vector)
        if each.rank_keyword is not None:
            total += settings.keyword_weight / (settings.rrf_k + each.rank_keyword)
        each.score = total / best


def mmr(candidates: Sequence[Candidate], settings: Rerank, count: int) -> list[Candidate]:
    """Maximal marginal relevance: the first `count` are chosen one by one for their score, less their likeness to what
    was chosen before. The others follow as they were."""
    rows = np.array([np.frombuffer(each.chunk.embedding or b"", "<f4") for each in candidates], np.float32)
    if len(candidates) < 2 or rows.ndim != 2 or not rows.size:
        return list(candidates)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    scores = np.array([each.score for each in candidates])
    scores = (scores - scores.min()) / max(float(np.ptp(scores)), 1e-12)
    nearest = np.full(len(candidates), 0.0)
    left = list(range(len(candidates)))
    chosen: list[int] = []
    while left and len(chosen) < count:
        values = settings.mmr_lambda * scores[left] - (1 - settings.mmr_lambda) * nearest[left]
        best = left.pop(int(np.argmax(values)))
        chosen.append(best)
        nearest = np.maximum(nearest, rows @ rows[best])
    return [candidates[at] for at in (*chosen, *left)]


def one_per_document(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The first chunk of each document."""
    first: dict[tuple[str, str], Candidate] = {}
    for each in candidates:
        first.setdefault((each.chunk.collection, each.chunk.document_id), each)
    return list(first.values())
