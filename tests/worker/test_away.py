"""Large results and arguments while a worker runs: what comes first, and what a place that fails costs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from abaca import Ctx, Retry
from abaca.codec import is_reference, new_id, read_reference
from abaca.errors import PlaceUnavailable
from abaca.model import Job, Kind, Lease, NewJob, State, Verdict
from abaca.places import blobs as blobs_module
from abaca.places.blobs import ARGUMENTS
from abaca.worker import away
from tests.wobbly import WobblyPlace
from tests.worker.harness import QUICK, Stage, soon, until

LARGE = "x" * 200


@pytest.fixture
def place() -> WobblyPlace:
    return WobblyPlace()


@pytest.fixture
def stage(place: WobblyPlace, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(away, "PAUSES", (0.01, 0.01))
    monkeypatch.setattr(away, "PUT_OFF_MS", (1, 1))
    monkeypatch.setattr(blobs_module, "_PAUSES", (0.01,))
    return Stage(blobs=place.blobs())


async def value(stage: Stage, job: Job) -> bytes:
    assert stage.blobs is not None
    return (await stage.blobs.whole(job)).result or b""


async def submit_large(stage: Stage, place: WobblyPlace, task: Any, **fields: Any) -> str:
    """A job whose arguments are in the place."""
    job = stage.job(task, LARGE, **fields)
    was_open, place.open = place.open, asyncio.Event()
    place.open.set()
    sent = await place.blobs().send_arguments(stage.backend, job)
    place.open = was_open
    assert is_reference(sent.args)
    await stage.backend.insert([sent])
    return job.id


async def test_the_blob_is_there_before_the_settle_and_its_run_holds_slot_and_lease_until_then(
    stage: Stage, place: WobblyPlace
) -> None:
    # Given a place that takes its time, and two jobs for one slot
    @stage.task
    async def make() -> str:
        return LARGE

    place.open.clear()
    first, second = await stage.submit(make), await stage.submit(make)
    async with stage.worker(concurrency=1, **QUICK):
        await soon(place.called)
        leased_until = (await stage.get(first)).lease_until or 0
        # When some beats pass, then the job still runs and its lease is renewed; the other one has no slot
        await stage.until(first, lambda job: (job.lease_until or 0) > leased_until)
        assert ((await stage.get(first)).state, (await stage.get(second)).state) == (State.RUNNING, State.WAITING)
        # When the place has it, then the job ends, with a reference to what is there
        place.open.set()
        jobs = await stage.all_ended([first, second])
    assert [job.state for job in jobs] == [State.COMPLETED] * 2
    assert {read_reference(job.result or b"").name for job in jobs} == place.names
    assert [await value(stage, job) for job in jobs] == [f'"{LARGE}"'.encode()] * 2


async def test_a_place_that_fails_for_a_moment_costs_no_second_run(stage: Stage, place: WobblyPlace) -> None:
    ran: list[int] = []

    @stage.task
    def make() -> str:
        ran.append(1)
        return LARGE

    place.failing = [PlaceUnavailable("wobbly: no space left"), PlaceUnavailable("wobbly: no space left")]
    id = await stage.submit(make)
    async with stage.worker():
        job = await stage.ended(id)
    assert (job.state, job.attempts, ran, place.puts) == (State.COMPLETED, 1, [1], 3)


@pytest.mark.parametrize(
    ("error", "tries"), [(PlaceUnavailable("wobbly: it is full"), 3), (RuntimeError("a bug in a client library"), 1)]
)
async def test_a_result_that_cannot_be_put_fails_the_run_which_is_retried(
    stage: Stage, place: WobblyPlace, error: Exception, tries: int
) -> None:
    # Given a rule that would retry no error of the handler, and a place that fails at every try of one run
    @stage.task(retry=Retry(max_attempts=2, on=(KeyError,), backoff=[0.0]))
    async def make() -> str:
        return LARGE

    place.failing = [error] * tries
    id = await stage.submit(make)
    # When a worker runs the job
    async with stage.worker():
        job = await stage.ended(id)
    # Then the first run is charged with the error, and the second one ends it
    assert (job.state, job.attempts) == (State.COMPLETED, 2)
    history = await stage.backend.updates(id, 0, 100)
    errors = [entry.data for entry in history.entries if entry.kind is Kind.ERROR]
    assert len(errors) == 1
    assert str(error).encode() in errors[0]


async def test_a_place_that_stays_away_fails_the_job_with_the_reason(stage: Stage, place: WobblyPlace) -> None:
    @stage.task(retry=Retry(max_attempts=2, backoff=[0.0]))
    async def make() -> str:
        return LARGE

    place.away = True
    id = await stage.submit(make)
    async with stage.worker():
        job = await stage.ended(id)
    assert (job.state, job.attempts, job.result) == (State.FAILED, 2, None)
    assert job.error is not None
    assert str(job.error) == "abaca.errors.PlaceUnavailable: wobbly: it is away"


async def test_small_results_pass_while_the_place_is_away(stage: Stage, place: WobblyPlace) -> None:
    @stage.task
    async def make() -> str:
        return "small"

    place.away = True
    id = await stage.submit(make)
    async with stage.worker():
        job = await stage.ended(id)
    assert (job.result, place.puts) == (b'"small"', 0)


async def test_arguments_that_cannot_be_fetched_now_put_the_job_off_uncharged(stage: Stage, place: WobblyPlace) -> None:
    # Given a job whose arguments are in a place that is away
    @stage.task
    def take(words: str) -> int:
        return len(words)

    id = await submit_large(stage, place, take)
    place.away = True
    async with stage.worker():
        # When it was put off a few times, then nothing was charged
        job = await stage.until(id, lambda job: job.epoch > 3)
        assert (job.attempts, job.losses) == (0, 0)
        # When the place is back, then it runs
        place.away = False
        job = await stage.ended(id)
    assert (job.state, job.attempts, job.result) == (State.COMPLETED, 1, b"200")


async def test_a_job_is_cancelled_while_its_arguments_are_fetched(stage: Stage, place: WobblyPlace) -> None:
    ran: list[int] = []

    @stage.task
    def take(words: str) -> None:
        ran.append(1)

    id = await submit_large(stage, place, take)
    place.called.clear()
    place.open.clear()
    async with stage.worker(**QUICK):
        await soon(place.called)
        await stage.backend.cancel([id])
        job = await stage.ended(id)
        place.open.set()
    assert (job.state, ran) == (State.CANCELLED, [])


async def test_handlers_and_middleware_see_whole_arguments(stage: Stage, place: WobblyPlace) -> None:
    # Given handlers of each pool that run in this process, and a middleware
    seen: list[bytes] = []

    async def look(job: Job, call_next: Any) -> Any:
        seen.append(job.spec.args)
        return await call_next(job)

    @stage.task
    async def measure(ctx: Ctx, words: str) -> int:
        return len(words)

    ids = [await submit_large(stage, place, measure) for _ in range(3)]
    async with stage.worker(middleware=[look]):
        jobs = await stage.all_ended(ids)
    assert [job.result for job in jobs] == [b"200"] * 3
    assert seen == [f'{{"words":"{LARGE}"}}'.encode()] * 3


async def test_a_drain_gives_back_what_the_place_does_not_take_in_time(stage: Stage, place: WobblyPlace) -> None:
    # Given a run whose result is on its way, one whose arguments are, and a place that answers neither
    @stage.task
    async def make() -> str:
        return LARGE

    @stage.task
    async def take(words: str) -> None: ...

    waiting = await submit_large(stage, place, take)
    place.called.clear()
    place.open.clear()
    sending = await stage.submit(make)
    worker = stage.worker()
    await worker.start()
    await until(lambda: place.puts >= 2 and place.gets >= 1, "both are under way")
    # When the worker stops
    assert await worker.stop(0.1)
    # Then both jobs wait again, uncharged
    for id in (sending, waiting):
        job = await stage.get(id)
        assert (job.state, job.attempts, job.losses) == (State.WAITING, 0, 0)


async def test_a_drain_waits_for_results_that_are_on_their_way(stage: Stage, place: WobblyPlace) -> None:
    @stage.task
    async def make() -> str:
        return LARGE

    place.open.clear()
    id = await stage.submit(make)
    worker = stage.worker()
    await worker.start()
    await soon(place.called)
    stopping = asyncio.create_task(worker.stop(30))
    await asyncio.sleep(0)
    place.open.set()
    assert await stopping
    assert (await stage.get(id)).state is State.COMPLETED


async def test_a_stale_run_never_touches_what_the_winner_has_put(stage: Stage, place: WobblyPlace) -> None:
    # Given a run that put its result and then lost its lease, and its heir, which ended the job
    blobs = place.blobs()
    job = NewJob(id=new_id(), task="any", lane="async")
    await stage.backend.insert([job])
    stale = await stage.take(ms=1)
    old = await blobs.send(stage.backend, stale.id, stale.epoch, b'"old"' * 100)
    (heir,) = await _reclaimed(stage)
    new = await blobs.send(stage.backend, heir.id, heir.epoch, b'"new"' * 100)
    assert await stage.complete(heir, new) is Verdict.APPLIED
    # When the stale one settles, then it is refused, and the job's result is the heir's
    assert await stage.complete(stale, old) is Verdict.STALE
    assert await blobs.bring((await stage.get(job.id)).result or b"") == b'"new"' * 100


async def _reclaimed(stage: Stage) -> list[Job]:
    found: list[Job] = []

    async def look() -> bool:
        found.extend(await stage.backend.reclaim(10, Lease(worker="heir", ms=60_000)))
        return bool(found)

    await until(look, "the lease has ended")
    return found


async def test_nested_references_are_not_followed(stage: Stage, place: WobblyPlace) -> None:
    # Given arguments that are, in their place, a reference again
    @stage.task
    async def take(words: str) -> None: ...

    job = stage.job(take, "x")
    reference = await place.blobs().send(stage.backend, job.id, ARGUMENTS, b'{"words":"y"}')
    (key,) = place.kept
    place.kept[key] = (reference, 0)
    await stage.backend.insert([NewJob(id=job.id, task=job.task, lane="async", args=reference)])
    # When a worker takes it, then it fails at once
    async with stage.worker():
        ended = await stage.ended(job.id)
    assert ended.state is State.FAILED
    assert ended.error is not None
    assert ended.error.type == "abaca.errors.ArgumentsLost"
