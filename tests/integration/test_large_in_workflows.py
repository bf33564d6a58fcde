"""Large results in other places, and workflows that pass them on."""

from __future__ import annotations

from pathlib import Path

import pytest

from abaca import App, chain, group

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
