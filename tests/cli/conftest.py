"""The command line in this process, on a store of its own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from abaca import App, Ctx, JobFailed, Retry
from tests.command import Run, running


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> None:
    """Nothing of the machine's settings; every command is about this test's store."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ABACA_URL", sqlite_url)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return running(capsys)


def shop(url: str) -> App:
    """Tasks that say how they go."""
    app = App(url)

    @app.task
    async def add(ctx: Ctx, a: int, b: int) -> int:
        ctx.log.debug("first", a=a)
        ctx.progress(1, 2, stage="adding")
        ctx.log.warning("second")
        return a + b

    @app.task(retry=Retry(max_attempts=1))
    async def explode(n: int) -> None:
        raise ValueError(f"bad {n}")

    return app


@dataclass(frozen=True)
class Stored:
    """A completed, a failed, two waiting jobs and one for later; no worker lives any more."""

    url: str
    completed: str
    failed: str
    waiting: tuple[str, str]
    later: str


@pytest.fixture
def stored(sqlite_url: str) -> Stored:
    async def fill() -> Stored:
        async with shop(sqlite_url) as app:
            add, explode = app.tasks["add"], app.tasks["explode"]
            async with app.worker():
                done = await add.enqueue(2, 3)
                bad = await explode.enqueue(7)
                await done.result(20)
                with pytest.raises(JobFailed):
                    await bad.result(20)
            waiting = [await add.opts(queue="other", tags=["x"]).enqueue(n, n) for n in range(2)]
            later = await add.opts(delay="1h", tenant="acme").enqueue(1, 1)
            return Stored(sqlite_url, done.id, bad.id, (waiting[0].id, waiting[1].id), later.id)

    return asyncio.run(fill())
