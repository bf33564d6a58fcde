"""Both kinds of search together find at least what either finds alone, on queries that chose no weight."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from abaca_documents.embedding.local import LocalEmbedder
from abaca_documents.embedding.weights import STATIC
from abaca_documents.model import ChunkSettings, HybridSettings, SearchMode
from benchmarks import documents_public
from benchmarks.documents_quality import GRID, Bench, judge, own, prepare
from benchmarks.documents_stage import Stage
from benchmarks.labelled import Labelled, Query
from tests.documents_search.models import FOLDER, needs_static

SLACK = 0.01
LEAST = {"own": 0.65, "public": 0.3}


@pytest.fixture(params=["own", "public"])
def labelled(request: pytest.FixtureRequest) -> Labelled:
    """With the set that a package carries only where it was fetched."""
    if request.param == "own":
        return own()
    if not documents_public.is_here():
        pytest.skip(f"the labelled set is not in {documents_public.FOLDER}: make models fetches it")
    return documents_public.public()


@pytest.fixture
async def bench(tmp_path: Path, labelled: Labelled) -> AsyncIterator[Bench]:
    embedder = LocalEmbedder(STATIC, folder=FOLDER)
    stage = Stage(tmp_path / "quality.db", embedder)
    await stage.open()
    yield await prepare(stage, ChunkSettings(), labelled)
    await stage.close()
    await embedder.close()


@needs_static
async def test_hybrid_is_not_worse_than_the_better_of_the_two(bench: Bench) -> None:
    # Given weights that are chosen on every second query
    chosen_on, judged = bench.labelled.halves
    best = max(GRID, key=lambda each: bench.quality(chosen_on, SearchMode.HYBRID, each).ndcg)
    for settings in (best, HybridSettings()):
        # When each kind of search is judged on the other queries
        quality = {mode: bench.quality(judged, mode, settings) for mode in SearchMode}
        # Then both together are as good as the better one, by either measure
        single = [quality[SearchMode.VECTOR], quality[SearchMode.KEYWORD]]
        assert quality[SearchMode.HYBRID].ndcg >= max(each.ndcg for each in single) - SLACK
        assert quality[SearchMode.HYBRID].recall >= max(each.recall for each in single) - SLACK
        # And it finds what a search for anything finds, with room for a change of weights
        assert quality[SearchMode.HYBRID].recall > LEAST[bench.labelled.name]


def test_the_set_has_enough_queries_and_each_names_texts_that_are_there(labelled: Labelled) -> None:
    assert len(labelled.queries) >= 100
    assert len({query.text for query in labelled.queries}) == len(labelled.queries)
    assert [query.text for query in labelled.queries if not query.answers <= labelled.texts.keys()] == []


def test_the_measures_are_those_of_the_books() -> None:
    asked = [Query("a", frozenset({"x", "y"})), Query("b", frozenset({"z"}))]
    perfect = judge(asked, [["x", "y", "n"], ["z"]])
    assert (perfect.recall, perfect.ndcg) == (1, 1)
    half = judge(asked, [["n", "x"], []])
    assert half.recall == pytest.approx(0.25)
    assert half.ndcg == pytest.approx(0.5 * 0.63093 / 1.63093, abs=1e-4)
