"""A hundred thousand chunks: they are found as a comparison with all would find them, and the figures are printed."""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

import pytest

from abaca_documents.model import SearchMode, SearchRequest
from benchmarks.documents_search import COSINES, WORDS, Random, asked_of, fill, recall
from benchmarks.documents_stage import Stage
from tests.documents_proof.ground import part

CHUNKS = 100_000
ASKED = 50


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_search_of_very_many_chunks_finds_what_comparing_all_would(tmp_path: Path) -> None:
    # Given many chunks, more than are compared one by one
    count = part(CHUNKS)
    source, embedder = random.Random(1), Random()
    stage = Stage(tmp_path / "many.db", embedder)
    await stage.open()
    table = await fill(stage, embedder, source, count)
    # When it is asked for the ten nearest, and for two words of a chunk
    taken = []
    for mode in SearchMode:
        for _ in range(ASKED):
            query = " ".join(source.choices(WORDS, k=2))
            began = time.perf_counter()
            found = await stage.searcher.search(
                SearchRequest(query=query, collection="bench", mode=mode, use_cache=False)
            )
            taken.append((mode.value, time.perf_counter() - began))
            # Then a search by words finds nothing without them, and the others fill a page
            if mode is SearchMode.KEYWORD:
                assert all(set(query.split()) & set(each.text.split()) for each in found.results)
            else:
                assert len(found.results) == 10
    # And nearly all of the true nearest are among those found
    shares = {name: await recall(stage, asked_of(table, cosine)) for name, cosine in COSINES.items()}
    for mode in SearchMode:
        times = sorted(seconds for name, seconds in taken if name == mode.value)
        sys.stdout.write(
            f"{count} chunks, {mode}: p50 {times[ASKED // 2] * 1000:.0f} ms, p98 {times[-2] * 1000:.0f} ms\n"
        )
    sys.stdout.write(f"recall of the ten nearest: random {shares['random']:.3f}, near {shares['near']:.3f}\n")
    assert min(shares.values()) > 0.95
    await stage.close()
