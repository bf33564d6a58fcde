"""Both kinds of search together find at least what either finds alone, on queries that chose no weight."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from abaca_documents.embedding.local import LocalEmbedder
from abaca_documents.embedding.weights import STATIC
from abaca_documents.model import ChunkSettings, HybridSettings, SearchMode
from benchmarks.documents_quality import GRID, Bench, Query, judge, passages, prepare, queries
from benchmarks.documents_stage import Stage
from tests.documents_search.models import FOLDER, needs_static

SLACK = 0.01


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    embedder = LocalEmbedder(STATIC, folder=FOLDER)
    stage = Stage(tmp_path / "quality.db", embedder)
    await stage.open()
    yield await prepare(stage, ChunkSettings())
    await stage.close()
    await embedder.close()


@needs_static
async def test_hybrid_is_not_worse_than_the_better_of_the_two(bench: Bench) -> None:
    # Given weights that are chosen on every second query
    best = max(GRID, key=lambda each: bench.quality(queries()[::2], SearchMode.HYBRID, each).ndcg)
    judged = queries()[1::2]
    for settings in (best, HybridSettings()):
        # When each kind of search is judged on the other queries
        quality = {mode: bench.quality(judged, mode, settings) for mode in SearchMode}
        # Then both together are as good as the better one, by either measure
        single = [quality[SearchMode.VECTOR], quality[SearchMode.KEYWORD]]
        assert quality[SearchMode.HYBRID].ndcg >= max(each.ndcg for each in single) - SLACK
        assert quality[SearchMode.HYBRID].recall >= max(each.recall for each in single) - SLACK
        # And it finds what a search for anything finds, with room for a change of weights
        assert quality[SearchMode.HYBRID].recall > 0.65


def test_the_set_has_enough_queries_and_each_names_passages_that_are_there() -> None:
    names = set(passages())
    assert len(queries()) >= 100
    assert len({query.text for query in queries()}) == len(queries())
    assert [query.text for query in queries() if not query.answers <= names] == []


def test_the_measures_are_those_of_the_books() -> None:
    asked = [Query("a", frozenset({"x", "y"})), Query("b", frozenset({"z"}))]
    perfect = judge(asked, [["x", "y", "n"], ["z"]])
    assert (perfect.recall, perfect.ndcg) == (1, 1)
    half = judge(asked, [["n", "x"], []])
    assert half.recall == pytest.approx(0.25)
    assert half.ndcg == pytest.approx(0.5 * 0.63093 / 1.63093, abs=1e-4)
