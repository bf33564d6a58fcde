"""A library whose metadata machines share has its chunks in one place."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from abaca import App, ConfigError
from abaca_documents.hosting import identity
from abaca_documents.library import Library
from abaca_documents.model import DocumentStatus
from abaca_documents.plugin import PLUGIN
from tests.integration.crew import WorkerProcess, crew

pytestmark = pytest.mark.redis
INSTALLED = "abaca.installed:app"


@asynccontextmanager
async def machine(
    url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, replaces: str = ""
) -> AsyncIterator[Library]:
    """A library as a machine with a disk of its own has it."""
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("ABACA_DOCUMENTS_VECTORS", f"sqlite:///{folder / 'vectors.db'}")
    monkeypatch.setenv("ABACA_DOCUMENTS_BLOBS", f"file://{folder / 'blobs'}")
    monkeypatch.setenv("ABACA_DOCUMENTS_EMBEDDER", "static")
    monkeypatch.setenv("ABACA_DOCUMENTS_REPLACES", replaces)
    async with App(url, plugins=[PLUGIN]) as app:
        library = Library.of(app)
        yield library
        await library.close()


async def spaces(library: Library) -> list[tuple[str, int]]:
    return await library.opened().parts.vectors.spaces()


async def test_a_second_machine_with_a_file_of_its_own_is_refused(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a machine that keeps the library's chunks
    async with machine(redis_url, tmp_path / "one", monkeypatch) as library:
        assert await spaces(library) == []
    # When another one comes with another file
    async with machine(redis_url, tmp_path / "two", monkeypatch) as library:
        with pytest.raises(ConfigError, match=r"set documents\.vectors of all machines to one Chroma") as refused:
            await spaces(library)
    # Then it has written nothing, and says where the chunks are and what to do if they are lost
    assert str(tmp_path / "one" / "vectors.db") in str(refused.value)
    assert not (tmp_path / "two" / "vectors.db").exists()
    # And the first one goes on
    async with machine(redis_url, tmp_path / "one", monkeypatch) as library:
        assert await spaces(library) == []
    # And a new place takes over for one that is lost, when somebody says so
    (lost,) = re.findall(r"documents\.replaces to (\w+)", str(refused.value))
    async with machine(redis_url, tmp_path / "two", monkeypatch, replaces=lost) as library:
        assert await spaces(library) == []
    async with machine(redis_url, tmp_path / "one", monkeypatch) as library:
        with pytest.raises(ConfigError, match=r"documents\.vectors"):
            await spaces(library)


@pytest.mark.slow
async def test_a_worker_that_has_another_place_ends_before_it_claims(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a document that waits, and chunks that are on one machine
    async with machine(redis_url, tmp_path / "one", monkeypatch) as library:
        added = await library.add(b"Roses are pruned in March.", filename="garden.txt")
        assert added.job is not None
        assert await spaces(library) == []
        # When another machine starts a worker, with a file of its own or with none
        for name in ("two", ""):
            monkeypatch.setenv("ABACA_DOCUMENTS_VECTORS", f"sqlite:///{tmp_path / name}/vectors.db" if name else "")
            worker = WorkerProcess(redis_url, INSTALLED, queues="documents")
            # Then it ends as with a wrong setting, and says why
            assert worker.wait() == 2, worker.log
            assert str(tmp_path / "one" / "vectors.db") in worker.log
            assert worker.log.count("cannot work") == 1
            assert "worker started" not in worker.log
        # And the job was not begun: one that has the place takes it
        assert (await added.job.info()).attempts == 0
        monkeypatch.setenv("ABACA_DOCUMENTS_VECTORS", f"sqlite:///{tmp_path / 'one' / 'vectors.db'}")
        with crew(redis_url, 1, INSTALLED, queues="documents"):
            result = await added.job.result(timeout=50)
        assert (result.status, (await added.job.info()).attempts) == (DocumentStatus.COMPLETED, 1)


async def test_a_worker_takes_the_place_before_a_job_needs_it(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a worker of documents, and another machine
    async with (
        machine(redis_url, tmp_path / "one", monkeypatch) as library,
        library.app.worker(queues=PLUGIN.queues),
        machine(redis_url, tmp_path / "two", monkeypatch) as late,
    ):
        # When that one starts a worker too, Then it is refused although nothing was stored yet
        with pytest.raises(ConfigError, match=r"documents\.vectors"):
            await late.app.worker(queues=PLUGIN.queues).start()
        # And one of other queues works
        async with late.app.worker(queues=["mail"]) as worker:
            assert worker.stats().is_running


async def test_an_identity_moves_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    known = identity(tmp_path / "a" / "vectors.db")
    (tmp_path / "a").rename(tmp_path / "b")
    assert identity(tmp_path / "b" / "vectors.db") == known != identity(tmp_path / "c" / "vectors.db")
