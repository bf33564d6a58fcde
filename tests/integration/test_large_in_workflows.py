"""Large results in other places, and workflows that pass them on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from abaca import App, JobEnd, chain, group

LARGE = 300_000

pytestmark = pytest.mark.timeout(60)


def shop(url: str, folder: Path) -> App:
    app = App(url, results=f"file://{folder}", results_above="1kB")

    @app.task
    async def make(letter: str) -> str:
        return letter * LARGE

    @app.task
    async def measure(text: str) -> int:
        return len(text)

    @app.task
    async def join(texts: list[str]) -> str:
        return "".join(text[0] for text in texts)

    return app


async def test_a_large_result_is_an_argument_of_the_next_task(shared_url: str, tmp_path: Path) -> None:
    # Given an app whose results go to a folder, and a worker
    async with shop(shared_url, tmp_path / "results") as app, app.worker():
        # When a chain and a chord pass them on
        length = await chain(app.tasks["make"].call("a"), app.tasks["measure"]).run("40s")
        letters = await group(app.tasks["make"].call(letter) for letter in "xyz").then(app.tasks["join"]).run("40s")
        # Then
        assert (length, letters) == (LARGE, "xyz")


async def test_members_of_a_group_are_read_from_where_they_are(shared_url: str, tmp_path: Path) -> None:
    # Given
    async with shop(shared_url, tmp_path / "results") as app, app.worker():
        # When
        handle = await group(app.tasks["make"].call(letter) for letter in "xyz").enqueue()
        values = await handle.values("40s")
        streamed = [outcome.value async for outcome in handle.results()]
        paged = [outcome.value if outcome is not None else None for outcome in await handle.page(0, 3)]
    # Then
    assert [value[0] for value in values] == ["x", "y", "z"]
    assert values == streamed == paged


async def test_a_callback_is_told_that_a_large_result_was_left_out(shared_url: str, tmp_path: Path) -> None:
    # Given
    told: asyncio.Future[JobEnd[object]] = asyncio.get_running_loop().create_future()
    app = shop(shared_url, tmp_path / "results")

    @app.task
    async def note(end: JobEnd[object]) -> None:
        told.set_result(end)

    async with app, app.worker():
        # When
        job = await app.tasks["make"].opts(on_success=note).enqueue("a")
        value = await job.result("40s")
        end = await asyncio.wait_for(told, 40)
    # Then
    assert len(value) == LARGE
    assert (end.job_id, end.result, end.result_left_out) == (job.id, None, True)
