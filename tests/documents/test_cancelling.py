"""An upload that is cancelled in the middle of a stage, with the parser, the models and the stores that people have."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from abaca import App, JobCancelled, JobHandle, Kind, Progress
from abaca_documents.library import Library
from abaca_documents.model import CollectionRequest, DocumentStatus, SearchMode, SearchRequest, UploadJobResult
from abaca_documents.plugin import PLUGIN
from tests.documents_search.models import needs_minilm, needs_static
from tests.documents_search.test_confined import huge_stream, needs_sandbox
from tests.http.served import wait_for

BEAT = 0.5
BOUND = 30.0
"""Seconds from the cancel to the end: several times beat and grace, and a fraction of what each stage would take."""
OLD = "Roses are pruned in March."


def sentences(count: int) -> bytes:
    return "\n\n".join(f"Lease number {n} of house {n * 7} runs for {n % 30} years." for n in range(count)).encode()


@pytest.fixture
async def library(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Library]:
    """Beside a worker; the collection ``books`` has short chunks and a document ``d`` at its first revision."""
    async with (
        App(f"sqlite:///{tmp_path}/jobs.db", plugins=[PLUGIN]) as app,
        app.worker(queues=PLUGIN.queues, beat=BEAT),
    ):
        made = Library.of(app)
        embedder = request.param
        await made.create_collection(CollectionRequest(name="books", embedder=embedder, chunk_size=64, chunk_overlap=0))
        first = await made.add(OLD.encode(), collection="books", document_id="d", filename="first.txt")
        assert first.job is not None
        await first.job.result(timeout=120)
        yield made
        await made.close()


async def reached(job: JobHandle[UploadJobResult], stage: str) -> None:
    """Until some of its chunks are through a stage."""
    async for update in job.updates():
        if update.kind is Kind.PROGRESS:
            said = msgspec.convert(update.value, Progress)
            if said.stage == stage and 0 < said.data["done"] < said.data["total"]:
                return
    raise AssertionError("it ended before it was there")


def programs_inside() -> list[int]:
    """Processes that parse in the sandbox."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"parsing/inside.py" in each.read_bytes():
                found.append(int(each.parent.name))
        except OSError:
            continue
    return found


async def cancelled(library: Library, job: JobHandle[UploadJobResult]) -> None:
    began = time.monotonic()
    assert await job.cancel()
    with pytest.raises(JobCancelled):
        await job.result(timeout=BOUND)
    assert time.monotonic() - began < BOUND


async def check_nothing_is_left(library: Library, job: JobHandle[UploadJobResult]) -> None:
    """Of the second revision of ``d``, and the first one answers."""
    document = await library.documents.get("d")
    parts = library.opened().parts
    assert document.status is DocumentStatus.FAILED
    assert document.error == f"its job {job.id} was cancelled; upload it again"
    assert (document.revision, document.chunk_count) == (1, 1)
    # No chunk, vector or word
    assert await parts.vectors.count("books", 1) == {"d": {document.generation: 1}}
    for mode in SearchMode:
        request = SearchRequest(query="which lease runs for roses", collection="books", mode=mode)
        assert [each.text for each in (await library.search(request)).results] == [OLD]
    # No bytes, and nothing of what its stages put aside
    assert not await parts.blobs.exists(document.revisions[-1].content_hash)
    assert await parts.blobs.exists(document.content_hash)
    assert not [path for path in (library._found().folder / "outputs").rglob("*") if path.is_file()]
    assert await library.documents.audit() == []
    # And the worker takes the next one in
    again = await library.add(b"Lawns are mown in May.", collection="books", document_id="d", filename="third.txt")
    assert again.job is not None
    assert (await again.job.result(timeout=120)).status is DocumentStatus.COMPLETED


@needs_sandbox
@needs_static
@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("library", ["static"], indirect=True)
async def test_an_upload_that_is_parsed_in_the_sandbox(library: Library) -> None:
    # Given a pdf that takes for ever, when a program in the sandbox reads it
    before = set(programs_inside())
    added = await library.add(huge_stream(), collection="books", document_id="d", filename="second.pdf")
    assert added.job is not None
    await asyncio.to_thread(wait_for, lambda: bool(set(programs_inside()) - before))
    (program, *_) = set(programs_inside()) - before
    # When it is cancelled
    await cancelled(library, added.job)
    # Then the program is gone, and so is the rest
    await asyncio.to_thread(wait_for, lambda: program not in programs_inside())
    await check_nothing_is_left(library, added.job)


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("library", "stage", "count"),
    [
        pytest.param("minilm", "embed", 3_000, marks=needs_minilm),
        pytest.param("static", "store", 30_000, marks=needs_static),
    ],
    indirect=["library"],
    ids=["embedded", "stored"],
)
async def test_an_upload_in_the_middle_of_a_stage(library: Library, stage: str, count: int) -> None:
    # Given a long text, when some of its chunks are through the stage
    added = await library.add(sentences(count), collection="books", document_id="d", filename="second.txt")
    assert added.job is not None
    await reached(added.job, stage)
    # When it is cancelled, Then it ends soon and leaves nothing
    await cancelled(library, added.job)
    await check_nothing_is_left(library, added.job)
