"""``abaca documents add --watch``: the collection is as the files are."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from abaca import App
from abaca_documents.command.finding import Wanted
from abaca_documents.command.reporting import Ending, Outcome, Report
from abaca_documents.command.running import with_hands
from abaca_documents.command.taking import Taker, Taking
from abaca_documents.command.watching import Keeper
from abaca_documents.library import Library
from abaca_documents.model import DocumentFilter
from abaca_documents.plugin import PLUGIN
from tests.documents_search.models import needs_static

pytestmark = [needs_static, pytest.mark.timeout(120)]
PATIENCE = 60.0
Told = Callable[[str], Awaitable[Ending]]


class Heard(Report):
    """A report that a test listens to."""

    def __init__(self) -> None:
        super().__init__(as_json=True)
        self.landings: asyncio.Queue[Outcome] = asyncio.Queue()

    def landed(self, outcome: Outcome) -> None:
        super().landed(outcome)
        self.landings.put_nowait(outcome)

    def end(self, collection: str) -> int:
        self.outcomes.clear()
        return 0


@pytest.fixture
async def library(place: Path) -> AsyncIterator[Library]:
    async with App(f"sqlite:///{place}/jobs.db", plugins=[PLUGIN]) as app:
        library = Library.of(app)
        await library.ensure_collection("default")
        yield library
        await library.close()


@pytest.fixture
async def told(library: Library, place: Path) -> AsyncIterator[Told]:
    """Watches ``texts``; waits for what becomes of a file, whatever comes of others."""
    report = Heard()
    keeper = Keeper(library, Wanted(["texts"], recursive=True), Taker(library, Taking("default"), report), report)
    watching = asyncio.create_task(with_hands(library, keeper.keep()))

    async def wait(name: str) -> Ending:
        while True:
            landing = asyncio.create_task(report.landings.get())
            await asyncio.wait({landing, watching}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            if not landing.done():
                landing.cancel()
                raise AssertionError(f"nothing is told of {name}; the watch: {watching}")
            if landing.result().path.endswith(f"/{name}"):
                return landing.result().outcome

    yield wait
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching


async def names(library: Library) -> set[str]:
    return {each.filename for each in (await library.documents.list(DocumentFilter(collection="default"))).items}


async def test_what_is_changed_made_and_deleted_is_taken_in_anew_taken_in_and_deleted(
    library: Library, place: Path, told: Told
) -> None:
    texts = place / "texts"
    assert await told("garden.md") is Ending.COMPLETED
    # When a file changes
    (texts / "garden.md").write_text("Tulips like cold winters.\n")
    assert await told("garden.md") is Ending.COMPLETED
    # Then what it says now is found
    assert (await library.search("tulips")).results[0].text == "Tulips like cold winters."
    # When one comes and one goes
    (texts / "deep" / "new.txt").write_text("Bees make honey.\n")
    assert await told("new.txt") is Ending.COMPLETED
    (texts / "deep" / "harbour.txt").unlink()
    assert await told("harbour.txt") is Ending.DELETED
    # Then so it is in the collection
    assert await names(library) == {"garden.md", "deep/new.txt"}


async def test_a_file_keeps_its_text_when_another_with_the_same_bytes_goes(
    library: Library, place: Path, told: Told
) -> None:
    # Given two files with the same bytes, which share a document
    await told("garden.md")
    (place / "texts" / "twin.md").write_bytes((place / "texts" / "garden.md").read_bytes())
    assert await told("twin.md") is Ending.DEDUPLICATED
    # When the one goes that the document is named for
    (place / "texts" / "garden.md").unlink()
    assert await told("garden.md") is Ending.DELETED
    # Then the other has a document of its own
    assert await told("twin.md") is Ending.COMPLETED
    assert "twin.md" in await names(library)
    # And gets one also when the other's bytes change under it
    (place / "texts" / "again.md").write_bytes((place / "texts" / "twin.md").read_bytes())
    assert await told("again.md") is Ending.DEDUPLICATED
    (place / "texts" / "twin.md").write_text("Tulips like cold winters.\n")
    assert await told("twin.md") is Ending.COMPLETED
    assert await told("again.md") is Ending.COMPLETED


async def test_what_went_while_nobody_watched_is_deleted_and_a_folder_that_is_away_deletes_nothing(
    library: Library, place: Path
) -> None:
    texts = place / "texts"
    wanted = Wanted(["texts"], recursive=True)
    gone, away = texts / "gone.md", texts / "deep"
    assert wanted.has_lost(gone)
    assert not wanted.has_lost(texts / "garden.md")
    assert not Wanted(["texts"], recursive=False).has_lost(away / "gone.txt"), "it never looked there"
    texts.rename(place / "elsewhere")
    assert not wanted.has_lost(gone)


def test_a_signal_ends_a_watch_well_and_the_next_one_deletes_what_is_gone(place: Path) -> None:
    for number, expected in ((signal.SIGINT, ""), (signal.SIGTERM, "texts/garden.md: deleted\n")):
        # Given a watch
        watch = subprocess.Popen(
            [sys.executable, "-m", "abaca", "docs", "add", "texts", "--watch"],
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert watch.stderr is not None
            for line in watch.stderr:
                if line.startswith("watching"):
                    break
            # When it is told to end
            watch.send_signal(number)
            out, err = watch.communicate(timeout=PATIENCE)
        finally:
            watch.kill()
            watch.wait()
        # Then it ends well
        assert (watch.returncode, err) == (0, "")
        assert expected in out
        (place / "texts" / "garden.md").unlink(missing_ok=True)


async def test_what_was_interrupted_goes_on_with_the_next_worker(library: Library, place: Path) -> None:
    # Given files that wait for a worker
    for n in range(40):
        (place / "texts" / f"{n}.txt").write_text(f"Number {n} is a number.\n")
    report = Heard()
    taker = Taker(library, Taking("default"), report)
    taking = asyncio.create_task(taker.take(Wanted(["texts"], recursive=False).look().values()))
    while not taker.waiting:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.01)  # sleeps: jobs are stored by and by
    # When the command is interrupted
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    waiting = taker.waiting
    assert waiting
    # Then a later one takes in what waits, beside its own
    await with_hands(library, taker.take(Wanted(["texts"], recursive=False).look().values()))
    assert await names(library) == {"garden.md", *(f"{n}.txt" for n in range(40))}
    assert {each.outcome for each in report.outcomes} <= {Ending.COMPLETED, Ending.PASSED_OVER, Ending.DEDUPLICATED}
