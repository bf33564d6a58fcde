"""Worker processes that die between the blob and its settle."""

from __future__ import annotations

from pathlib import Path

import pytest

from abaca import App, Retry, Status
from abaca.backends import open_backend
from abaca.codec import read_reference
from abaca.places.space import space_of
from abaca.worker.sweeper import Sweeper
from tests.integration.crew import crew
from tests.integration.shop import square

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]
JOBS = 60


async def test_a_worker_that_dies_between_blob_and_settle_loses_no_result_and_its_orphans_are_swept(
    shared_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given workers whose runners die right after some of the blobs are there
    place = (tmp_path / "results").as_uri()
    monkeypatch.setenv("ABACA_RESULTS", place)
    monkeypatch.setenv("ABACA_RESULTS_ABOVE", "1B")
    monkeypatch.setenv("ABACA_BUGGIFY", "blobs.after_put=0.06")
    async with App(shared_url) as app:
        task = app.task(retry=Retry(max_attempts=20, backoff=[0.0]))(square)
        with crew(shared_url, 2, concurrency="5"):
            # When they work
            jobs = await app.enqueue_many(task.call(n) for n in range(100, 100 + JOBS))
            outcomes = [await job.outcome(timeout=240) for job in jobs]
        # Then every job has completed with its result
        assert [outcome.status for outcome in outcomes] == [Status.COMPLETED] * JOBS
        assert [outcome.value for outcome in outcomes] == [n * n for n in range(100, 100 + JOBS)]
        # Then a sweep leaves what the records refer to, and nothing else
        backend = open_backend(shared_url)
        await backend.open()
        try:
            before = await _names(app)
            gone = await Sweeper(backend, app.blobs, spared=-60).sweep()
            records = [await job.info() for job in jobs]
            referred = {read_reference(data or b"").name for job in records for data in (job.result, job.spec.args)}
        finally:
            await backend.close()
        assert await _names(app) == referred
        assert len(before) == gone + 2 * JOBS
        assert [await job.result() for job in jobs] == [n * n for n in range(100, 100 + JOBS)]


async def _names(app: App) -> set[str]:
    space = await space_of(await app.backend())
    assert space is not None
    return {blob.name for blob in (await app.blobs.place.page(space, "", 10_000)).blobs}
