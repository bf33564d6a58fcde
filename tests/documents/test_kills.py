"""Workers that are killed at boundaries of the pipeline's steps and in their middle. A crash behind every operation is
`test_crashes.py`, without processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from abaca import App
from abaca_documents.model import DocumentStatus
from abaca_documents.pipeline.maintaining import sweep
from tests.documents.lending import library_on
from tests.documents.parts import words
from tests.integration.crew import crew

PLAN = [
    ("repository.get_collection", 1),  # before it is looked at
    ("parser.parse", 1),  # parsed, and nothing of it put aside
    ("outputs.write", 3),  # one of two batches of vectors put aside
    ("vectors.put", 2),  # in the middle of the chunks
    ("repository.change", 2),  # the switch
    ("outputs.drop", 1),  # behind it
]
"""Behind which operations runs die."""
DOCUMENTS = 9
CHUNKS = 300


@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_kill_at_any_step_costs_time_and_nothing_else(tmp_path: Path) -> None:
    # Given documents, and a plan of deaths
    url = f"sqlite:///{tmp_path}/jobs.db"
    (tmp_path / "plan.json").write_text(json.dumps(PLAN))
    async with App(url, name="shop") as app:
        library, bench = await library_on(app)
        texts = {f"{n}.txt": words(n * CHUNKS, (n + 1) * CHUNKS) for n in range(DOCUMENTS)}
        jobs = []
        for name, text in texts.items():
            added = await library.add(text.encode(), collection="books", filename=name)
            assert added.job is not None
            jobs.append(added.job)
        # When a worker takes them in
        with crew(url, 1, "tests.documents.shop:app", queues="documents", concurrency="1"):
            results = [await job.result(timeout=240) for job in jobs]
        # Then each is whole, and runs died as was planned
        assert (tmp_path / "deaths").stat().st_size == len(PLAN)
        assert [(each.status, each.chunk_count) for each in results] == [(DocumentStatus.COMPLETED, CHUNKS)] * DOCUMENTS
        assert await bench.seen() == {name: text.splitlines() for name, text in texts.items()}
        # And there is no chunk twice and none of nobody
        assert {id: sum(counts.values()) for id, counts in (await bench.held()).items()} == {
            each.document_id: CHUNKS for each in results
        }
        assert (await sweep(bench.parts)).chunks == 0
        assert await library.documents.audit() == []
        assert not list((bench.folder / "outputs").glob("*/*"))
        await library.close()
