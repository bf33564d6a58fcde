"""Documents whose job will not end them: cancelled while it waited, failed for good, gone, or never there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from abaca import App, JobCancelled
from abaca_documents.model import DocumentStatus, ImportItem, ImportKind, ImportPayload, Vector
from abaca_documents.pipeline.beginning import begin, job_of
from abaca_documents.pipeline.importing import bulk_import
from abaca_documents.pipeline.reconciling import GONE, reconcile
from abaca_documents.pipeline.uploading import upload
from tests.documents.lending import library_on
from tests.documents.making import collection
from tests.documents.parts import Bench, words

JOB = "018f3a5e-7c1d-7000-8000-000000000001"


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    await made.repository.create_collection(collection("books"))
    yield made
    assert await made.repository.audit() == []
    await made.close()


class Jobs:
    """What is known of jobs by id."""

    def __init__(self, **fates: str | None) -> None:
        self.fates = fates
        self.asked: list[str] = []

    async def __call__(self, job_id: str) -> str | None:
        self.asked.append(job_id)
        return self.fates.get(job_id, GONE)


async def test_a_document_whose_job_was_cancelled_while_it_waited_is_told_so_and_lets_its_bytes_go(
    tmp_path: Path,
) -> None:
    async with App(f"sqlite:///{tmp_path}/jobs.db") as app:
        library, bench = await library_on(app)
        # Given two documents whose jobs wait, and one of these cancelled
        cancelled = await library.add(b"one", collection="books", filename="a.txt")
        waiting = await library.add(b"two", collection="books", filename="b.txt")
        assert cancelled.job is not None
        assert await cancelled.job.cancel()
        # When it is cleared up
        assert waiting.job is not None
        async with app.worker(queues=("documents",), concurrency=1):
            await waiting.job.result(timeout=50)
            swept = await library.tasks.clean_up.run()
        # Then the first one says why it will not be had, and nothing refers to its bytes
        assert swept.reconciled == 1
        document = await library.documents.get(cancelled.document.id)
        assert document.status is DocumentStatus.FAILED
        assert document.error == f"its job {cancelled.job.id} was cancelled; upload it again"
        assert not await bench.blobs.exists(document.revisions[-1].content_hash)
        # And the other one was taken in
        assert (await library.documents.get(waiting.document.id)).status is DocumentStatus.COMPLETED
        await library.close()


async def test_a_document_whose_job_is_cancelled_while_it_runs_says_so_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with App(f"sqlite:///{tmp_path}/jobs.db") as app:
        library, bench = await library_on(app)
        embedding = asyncio.Event()

        async def embed(*_: object) -> list[Vector]:
            embedding.set()
            await asyncio.Event().wait()
            return []

        monkeypatch.setattr(bench.embedders["static@1"], "embed", embed)
        # Given a document that is being embedded
        async with app.worker(queues=("documents",), beat=0.5):
            added = await library.add(b"text", collection="books", filename="a.txt")
            await embedding.wait()
            # When its job is cancelled
            assert added.job is not None
            await added.job.cancel()
            with pytest.raises(JobCancelled):
                await added.job.result(timeout=50)
        # Then the document says so, and its bytes are let go
        document = await library.documents.get(added.document.id)
        assert document.status is DocumentStatus.FAILED
        assert document.error == f"its job {added.job.id} was cancelled; upload it again"
        assert not await bench.blobs.exists(document.revisions[-1].content_hash)
        await library.close()


@pytest.mark.parametrize(
    ("fate", "grace", "status"),
    [
        (None, 0.0, DocumentStatus.PENDING),
        ("failed: ZeroDivisionError", 600.0, DocumentStatus.FAILED),
        (GONE, 0.0, DocumentStatus.FAILED),
        (GONE, 600.0, DocumentStatus.PENDING),
    ],
)
async def test_only_a_job_that_will_not_run_ends_its_document(
    bench: Bench, fate: str | None, grace: float, status: DocumentStatus
) -> None:
    # Given a document that was registered for a job
    begun = await begin(bench.parts, await bench.payload("text"), "j")
    # When it is looked at
    ended = await reconcile(bench.parts, Jobs(j=fate), grace)
    # Then it ends where its job is known not to run, or was not seen for longer than an enqueue can take
    document = await bench.repository.get(begun.document.id)
    assert (document.status, ended) == (status, int(status is DocumentStatus.FAILED))
    assert document.error == (f"its job j {fate}; upload it again" if ended else "")
    assert await bench.blobs.exists(document.revisions[-1].content_hash)  # the uploader's own reference
    await bench.blobs.release(document.revisions[-1].content_hash, "upload")
    assert await bench.blobs.exists(document.revisions[-1].content_hash) == (not ended)


async def test_the_revision_that_answers_goes_on_when_the_job_of_the_next_one_is_gone(bench: Bench) -> None:
    await upload(bench.parts, await bench.payload(words(0, 3)), "first")
    await begin(bench.parts, await bench.payload(words(3, 6)), "second")
    # When the second job is gone
    assert await reconcile(bench.parts, Jobs(first="completed"), 0) == 1
    # Then the document says so, and answers as before
    (document,) = (await bench.repository.list()).items
    assert (document.status, document.revision) == (DocumentStatus.FAILED, 1)
    assert (await bench.seen())["a.txt"] == ["0 is a number.", "1 is a number.", "2 is a number."]
    # And a job that comes back all the same ends with a reason, not with half a document
    assert await reconcile(bench.parts, Jobs(), 0) == 0


async def test_a_document_without_any_job_does_not_wait_for_ever(bench: Bench) -> None:
    await begin(bench.parts, await bench.payload("text"), "j")
    (document,) = (await bench.repository.list()).items
    await bench.repository.change(document.id, lambda before: replace(before, revisions=()))
    assert await reconcile(bench.parts, Jobs(j=None), 600) == 0
    assert await reconcile(bench.parts, Jobs(j=None), 0) == 1
    assert (await bench.repository.get(document.id)).status is DocumentStatus.FAILED


async def test_an_item_of_an_import_is_known_by_the_job_of_the_import(bench: Bench, tmp_path: Path) -> None:
    # Given an import that stopped in the middle of its items
    root = tmp_path / "root"
    root.mkdir()
    for n in range(3):
        (root / f"{n}.txt").write_text(words(n * 10, n * 10 + 2))
    payload = ImportPayload(collection="books", kind=ImportKind.FOLDER, path=str(root))
    job = Importing()
    await bulk_import(bench.parts, payload, job)
    documents = (await bench.repository.list()).items
    assert {job_of(each.job_id) for each in documents} == {JOB}
    await begin(bench.parts, await bench.payload("text", name="3.txt"), f"{JOB}-3")
    # When its job is asked about
    jobs = Jobs(**{JOB: None})
    assert await reconcile(bench.parts, jobs, 0) == 0
    # Then it was asked about once, by its own id
    assert jobs.asked == [JOB]


class Importing:
    job_id = JOB

    async def earlier(self) -> list[ImportItem]:
        return []

    async def emit(self, outcome: ImportItem) -> None: ...

    def tell(self, done: int, total: int) -> None: ...
