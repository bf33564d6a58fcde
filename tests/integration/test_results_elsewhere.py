"""Large results and arguments in a place of their own, on every store, in a folder and in a bucket."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from abaca import (
    App,
    ConfigError,
    JobFailed,
    JobHandle,
    PayloadTooLarge,
    ResultExpired,
    ResultLost,
    Retry,
    chain,
    group,
)
from abaca.codec import is_reference, read_reference, unpack
from abaca.model import State
from abaca.places.base import Page
from abaca.places.space import space_of
from abaca.worker.sweeper import Sweeper
from tests.worker.harness import until

pytestmark = pytest.mark.timeout(120)
ABOVE = 10_000
SEED = hashlib.blake2b(b"seed").digest()


def noise(size: int) -> bytes:
    """Bytes that no compression makes shorter."""
    return hashlib.shake_128(SEED).digest(size)


def text(size: int) -> str:
    return base64.b64encode(noise(size)).decode()[:size]


@pytest.fixture
async def app(store_url: str, place_url: str) -> AsyncIterator[App]:
    async with App(store_url, results=place_url, results_above=ABOVE, max_payload=8_000_000) as app:
        app.task(retry=Retry(max_attempts=1))(make)
        app.task(swap)
        app.task(make_bytes)
        app.task(pool="process")(in_process.fn)
        yield app


async def make(size: int) -> str:
    return text(size)


def swap(words: str) -> str:
    return words.swapcase()


def make_bytes(size: int) -> bytes:
    return noise(size)


@App("memory://").task(pool="process")  # at the top level, where a child process finds it
def in_process(words: str) -> str:
    return words.swapcase()


async def page(app: App) -> Page:
    space = await space_of(await app.backend())
    assert space is not None
    return await app.blobs.place.page(space, "", 1000)


async def blobs(app: App) -> list[str]:
    return [blob.name for blob in (await page(app)).blobs]


async def call(app: App, task: str, *args: Any, **kwargs: Any) -> JobHandle[Any]:
    return await app.tasks[task].enqueue(*args, **kwargs)


async def test_a_large_result_is_in_its_place_and_a_small_one_in_the_record(app: App) -> None:
    async with app.worker():
        # Given two jobs, one with a large result
        large, small = await call(app, "make", 100_000), await call(app, "make", 1000)
        # When they have ended, then both give their values
        assert await large.result(timeout=30) == text(100_000)
        assert await small.result(timeout=30) == text(1000)
    # Then the record of the large one refers to a blob, and that of the small one holds all
    stored = (await large.info()).result
    assert stored is not None
    assert is_reference(stored)
    assert len(stored) < 250
    assert await blobs(app) == [read_reference(stored).name]
    assert not is_reference((await small.info()).result)
    # Then every way to the result brings it
    outcome = await large.outcome()
    peeked = await large.peek()
    assert peeked is not None
    assert outcome.value == peeked.value == text(100_000)
    assert await app.job(large.id).result() == text(100_000)


async def test_a_run_that_waits_gets_a_large_result(app: App) -> None:
    async with app.worker():
        assert await app.tasks["make"].run(50_000) == text(50_000)


async def test_large_arguments_travel_by_the_place(app: App) -> None:
    words = text(200_000)
    async with app.worker(process_slots=1):
        jobs = [
            await call(app, "swap", words),
            await call(app, "in_process", words),
            *await app.enqueue_many([app.tasks["swap"].call(words), app.tasks["swap"].call("x")]),
            await app.enqueue_by_name("swap", {"words": words}),
        ]
        values = [await job.result(timeout=60) for job in jobs]
    assert values == [words.swapcase(), words.swapcase(), words.swapcase(), "X", words.swapcase()]
    records = [await job.info() for job in jobs]
    assert [is_reference(job.spec.args) for job in records] == [True, True, True, False, True]


async def test_results_go_from_job_to_job_by_the_place(app: App) -> None:
    # Given a chain and a group whose arguments and results are all large
    @app.task
    def join(parts: list[str]) -> str:
        return "".join(parts)

    words = text(30_000)
    swapping = app.tasks["swap"]
    async with app.worker():
        # When they run, then the last task has got them
        assert await chain(swapping.call(words), swapping).run(timeout=60) == words
        joined = group(swapping.call(words) for _ in range(3)).then(join)
        workflow = await joined.enqueue()
        assert await workflow.result(timeout=60) == words.swapcase() * 3
    # Then each payload was put once, and no record holds one
    assert len(await blobs(app)) == 1 + 2 + 3 + 3 + 1


async def test_what_compresses_well_stays_in_the_record(app: App) -> None:
    async with app.worker():
        job = await call(app, "swap", "a" * 500_000)
        assert await job.result(timeout=30) == "A" * 500_000
    record = await job.info()
    assert not is_reference(record.spec.args)
    assert not is_reference(record.result)
    assert len(record.result or b"") < 1000
    assert len(unpack(record.result or b"")) == 500_002


async def test_a_result_is_streamed_piece_by_piece(app: App) -> None:
    async with app.worker():
        large, small = await call(app, "make", 3_000_000), await call(app, "make", 100)
        pieces = [piece async for piece in large.stream_result(timeout=60)]
        short = [piece async for piece in small.stream_result(timeout=60)]
    assert len(pieces) > 1
    assert json.loads(b"".join(pieces)) == text(3_000_000)
    assert b"".join(short) == json.dumps(text(100)).encode()


async def test_a_result_of_bytes_is_streamed_as_those_bytes(app: App) -> None:
    async with app.worker():
        for size in (0, 1, 2, 3, 1000, 100_000, 3_000_001):
            job = await call(app, "make_bytes", size)
            assert b"".join([piece async for piece in job.stream_result(timeout=60)]) == noise(size)
            assert await job.result() == noise(size)


async def test_forgetting_a_result_deletes_its_blob_at_once(app: App) -> None:
    async with app.worker():
        job = await call(app, "make", 100_000)
        await job.result(timeout=30)
    await job.forget()
    assert await blobs(app) == []
    with pytest.raises(ResultExpired):
        await job.result()


async def test_a_blob_that_is_gone_is_a_clear_error_and_no_hang(app: App) -> None:
    # Given a completed job whose blob somebody deleted
    async with app.worker():
        job = await call(app, "make", 100_000)
        await job.result(timeout=30)
    reference = read_reference((await job.info()).result or b"")
    await app.blobs.place.delete(reference.space, reference.name)
    # When it is asked for in any way, then the error names the job
    for ask in (job.result, job.outcome, job.peek):
        with pytest.raises(ResultLost, match=f"job {job.id} completed, but its result is lost: it is not in"):
            await ask()
    with pytest.raises(ResultLost):
        _ = [piece async for piece in job.stream_result()]
    # Then it still can be requeued, and has its result again
    await job.requeue()
    async with app.worker():
        assert await job.result(timeout=30) == text(100_000)


async def test_arguments_that_are_gone_fail_the_job_and_say_so(app: App) -> None:
    job = await call(app, "swap", text(100_000))
    reference = read_reference((await job.info()).spec.args)
    await app.blobs.place.delete(reference.space, reference.name)
    other = await call(app, "swap", text(100_000))
    async with app.worker():
        with pytest.raises(
            JobFailed, match=r"ArgumentsLost: .*its arguments are lost: it is not in .*enqueue it again"
        ):
            await job.result(timeout=30)
        assert await other.result(timeout=30) == text(100_000).swapcase()
    assert (await job.info()).attempts == 1


async def test_a_reader_without_the_place_is_told_what_to_set(app: App, store_url: str) -> None:
    if store_url.startswith("memory"):
        pytest.skip("another app has another memory")
    async with app.worker():
        job = await call(app, "make", 100_000)
        await job.result(timeout=30)
    async with App(store_url) as reader:
        with pytest.raises(ConfigError, match=r"give App\(results=\), ABACA_RESULTS or results in abaca.toml"):
            await reader.job(job.id).result()


async def test_a_requeued_job_refers_to_the_blob_of_its_latest_run_and_the_older_one_is_swept(app: App) -> None:
    # Given a job that ran twice
    async with app.worker():
        job = await call(app, "make", 100_000)
        await job.result(timeout=30)
        await job.requeue()
        assert await job.result(timeout=30) == text(100_000)
    assert len(await blobs(app)) == 2
    # When somebody sweeps, then the blob of the first run goes
    assert await Sweeper(await app.backend(), app.blobs, spared=-60).sweep() == 1
    assert await blobs(app) == [read_reference((await job.info()).result or b"").name]
    assert await job.result() == text(100_000)


async def test_two_stores_in_one_place_leave_each_others_blobs_alone(app: App, place_url: str) -> None:
    async with App("memory://", results=place_url, results_above=ABOVE) as other:
        other.task(make)
        async with app.worker(), other.worker():
            mine, theirs = await call(app, "make", 100_000), await call(other, "make", 100_000)
            await mine.result(timeout=30)
            await theirs.result(timeout=30)
        assert await Sweeper(await other.backend(), other.blobs, spared=-60).sweep() == 0
        assert await Sweeper(await app.backend(), app.blobs, spared=-60).sweep() == 0
        assert await mine.result() == await theirs.result() == text(100_000)


async def test_a_call_that_may_replace_another_keeps_its_arguments_in_the_record(app: App) -> None:
    first = await app.tasks["swap"].opts(debounce="1h", key="k").enqueue(text(50_000))
    second = await app.tasks["swap"].opts(debounce="1h", key="k").enqueue(text(60_000))
    assert first.id == second.id
    job = await second.info()
    assert not is_reference(job.spec.args)
    assert await Sweeper(await app.backend(), app.blobs, spared=-60).sweep() == 0


async def test_arguments_that_no_record_can_hold_go_to_the_place_or_are_refused(app: App, place_url: str) -> None:
    async with App("memory://", results=place_url, max_payload=20_000_000) as roomy:
        roomy.task(swap)
        job = await call(roomy, "swap", text(12_000_000))
        assert is_reference((await job.info()).spec.args)
        with pytest.raises(PayloadTooLarge, match="a job that may replace another keeps its arguments in its record"):
            await roomy.tasks["swap"].opts(debounce="1h").enqueue(text(12_000_000))
    with pytest.raises(ConfigError, match="max_payload"):
        App("memory://", max_payload=20_000_000)


async def test_a_job_that_stores_no_result_puts_none(app: App) -> None:
    async with app.worker():
        job = await app.tasks["make"].opts(keep=0).enqueue(100_000)
        await until(lambda: _ended(job), "the job has ended")
    assert await space_of(await app.backend()) is None


async def _ended(job: JobHandle[Any]) -> bool:
    return (await job.info()).state is State.COMPLETED


async def test_a_result_without_an_event_loop(app: App, tmp_path: Path) -> None:
    async with app.worker():
        job = await call(app, "make", 100_000)
        await job.result(timeout=30)

    def read() -> tuple[str, bytes]:
        return job.result_sync(timeout=30), b"".join(job.stream_result_sync(timeout=30))

    if app.url.startswith("memory"):
        value, streamed = await asyncio.to_thread(read)
        assert msgspec.json.decode(streamed) == value == text(100_000)
