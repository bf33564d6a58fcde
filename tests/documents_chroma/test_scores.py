"""The same query has the same scores in each store, whatever the metric."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from abaca_documents.errors import ValidationError
from abaca_documents.libraryfile import LibraryFile
from abaca_documents.model import Metric
from abaca_documents.protocols import Space
from abaca_documents.searching.ranking import vector_score
from benchmarks.documents_stores import HAS_CHROMA, STORES, opened
from tests.documents_search.test_vectors import chunk

COUNT, DIMENSION = 300, 32
pytestmark = pytest.mark.skipif(not HAS_CHROMA, reason="Chroma is not installed: make test-chroma runs this")


async def test_scores_are_the_same_in_each_store_and_for_each_metric(tmp_path: Path) -> None:
    # Given the same chunks in each store, for each metric, with vectors of length 1 as all embedders give
    source = np.random.default_rng(5)
    rows = source.standard_normal((COUNT + 5, DIMENSION)).astype("<f4")
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    chunks = [replace(chunk(str(at), index=at), embedding=rows[at].tobytes()) for at in range(COUNT)]
    spaces = {
        metric: Space(collection="papers", index=at, dimension=DIMENSION, metric=metric)
        for at, metric in enumerate(Metric, 1)
    }
    scores: dict[tuple[str, Metric], list[dict[int, float]]] = {}
    async with AsyncExitStack() as stack:
        for kind in STORES:
            (tmp_path / kind).mkdir()
            file = LibraryFile(tmp_path / kind / "library.db")
            stack.push_async_callback(file.close)
            store = await stack.enter_async_context(opened(kind, file, tmp_path / kind))
            for metric, space in spaces.items():
                await store.open_space(space)
                await store.put(space, chunks)
                # When they are asked for the nearest
                scores[kind, metric] = [
                    {
                        each.chunk.index: vector_score(metric, each.distance)
                        for each in await store.nearest(space, row.tobytes(), 20, {})
                    }
                    for row in rows[COUNT:]
                ]
                # Then the metric of a space is one for life there
                for other in set(Metric) - {metric}:
                    with pytest.raises(ValidationError, match="keeps them"):
                        await store.open_space(replace(space, metric=other))
    # And all give the same chunks the same scores
    wanted = scores["sqlite", Metric.COSINE]
    for found in scores.values():
        for one, expected in zip(found, wanted, strict=True):
            assert one == pytest.approx(expected, abs=1e-3)
