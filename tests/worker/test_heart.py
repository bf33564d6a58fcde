"""Leases renewed, lost and fenced; cancels brought by the beat; what the reaper and the purger do."""

from __future__ import annotations

import asyncio
import threading
import time
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from abaca.backends.memory import MemoryBackend
from abaca.clock import ManualClock
from abaca.model import Job, Lease, State, Verdict
from abaca.policy.decide import quarantined
from abaca.testing import FailingBackend
from abaca.worker import reaper as reaper_module
from abaca.worker.purger import Purger
from abaca.worker.reaper import Reaper
from tests.worker.harness import Stage, soon, until


async def test_a_run_far_longer_than_its_lease_keeps_it(stage: Stage) -> None:
    # Given: a handler that works for several leases
    @stage.task
    async def long() -> int:
        await asyncio.sleep(4)  # sleeps: a real lease has to pass
        return 1

    # When: two workers are there, each with a reaper
    async with stage.worker(lease=1.5, beat=5.0), stage.worker(lease=1.5, beat=5.0):
        job = await stage.ended(await stage.submit(long))

    # Then: it was claimed once
    assert (job.state, job.epoch, job.attempts, job.losses) == (State.COMPLETED, 1, 1, 0)


async def test_the_lease_holds_while_the_event_loop_is_blocked(stage: Stage) -> None:
    # Given: a coroutine that blocks the worker's loop for several leases
    @stage.task(lease="1500ms")
    async def block() -> int:
        time.sleep(4.0)  # noqa: ASYNC251  # sleeps: a real lease has to pass
        return 1

    # When: it is run, and another worker could take it over
    other = asyncio.create_task(_reap_elsewhere(stage))
    async with stage.worker():
        job = await stage.ended(await stage.submit(block))
    other.cancel()

    # Then: the heart beat from its own thread
    assert (job.state, job.epoch) == (State.COMPLETED, 1)


async def _reap_elsewhere(stage: Stage) -> None:
    loop = asyncio.get_running_loop()
    reaper = Reaper(stage.backend, Lease(worker="elsewhere", ms=15_000), interval=0.05)
    await loop.run_in_executor(None, lambda: asyncio.run(asyncio.wait_for(_quietly(reaper), 10)))


async def _quietly(reaper: Reaper) -> None:
    try:
        async with asyncio.timeout(5):
            await reaper.run()
    except TimeoutError:
        pass


async def test_a_run_that_was_taken_over_is_stopped_and_its_outcome_dropped(stage: Stage) -> None:
    # Given: a handler at work
    started, stopped = asyncio.Event(), asyncio.Event()

    @stage.task
    async def work() -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.set()
        return "from the zombie"

    async with stage.worker(lease=3.0, beat=0.05) as worker:
        id = await stage.submit(work)
        await soon(started)

        # When: the store gives the job to somebody else, who finishes it
        row = stage.backend._rows[id]  # type: ignore[attr-defined]
        row.lease_until = 1
        (taken,) = await stage.backend.reclaim(1, Lease(worker="elsewhere", ms=60_000))
        await soon(stopped)
        verdict = await stage.complete(taken, b'"from the heir"')
        await until(lambda: not worker.stats().running, "the run is over")

    # Then: the first run was interrupted and changed nothing
    job = await stage.get(id)
    assert verdict is Verdict.APPLIED
    assert (job.state, job.result, job.epoch) == (State.COMPLETED, b'"from the heir"', 2)


async def test_a_worker_whose_beats_fail_stops_its_runs_before_the_lease_ends() -> None:
    # Given: a run, and a heart that does not reach the store any more
    store = FailingBackend(MemoryBackend())
    stage = Stage(store)
    started = asyncio.Event()
    stopped_at: list[float] = []

    @stage.task
    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped_at.append(time.time())

    async with stage.worker(lease=6.0, beat=0.1):  # of which it gives up the last tenth
        id = await stage.submit(work)
        await soon(started)
        store.lose("request", "beat", times=10_000)

        # When: the lease comes to its end
        await until(lambda: bool(stopped_at), "the run was stopped")
        job = await stage.get(id)
        lease_until = (job.lease_until or 0) / 1e6

    # Then: the run was stopped while it was still ours
    assert job.epoch == 1
    assert stopped_at[0] < lease_until


async def test_a_worker_whose_beats_fail_claims_nothing_until_they_come_through() -> None:
    # Given: a worker whose claims reach the store and whose beats do not
    store = FailingBackend(MemoryBackend())
    stage = Stage(store)

    @stage.task
    async def work() -> int:
        return 1

    with capture_logs() as logs:
        async with stage.worker(lease=3.0, beat=0.05):
            await stage.ended(await stage.submit(work))
            store.lose("request", "beat", times=40)
            await until(lambda: any("no claims" in entry["event"] for entry in logs), "claims were stopped")

            # When: a job comes, and rounds of beats fail
            id = await stage.submit(work)
            beats = store.calls["beat"]
            await until(lambda: store.calls["beat"] > beats + 1, "two more beats failed")
            waiting = await stage.get(id)

            # Then: it is left to others until a beat comes through
            assert (waiting.state, waiting.epoch) == (State.WAITING, 0)
            assert (await stage.ended(id)).attempts == 1


async def test_a_worker_whose_beats_never_come_through_gives_up() -> None:
    # Given: a worker with little patience whose claims reach the store and whose beats do not
    store = FailingBackend(MemoryBackend())
    stage = Stage(store)
    with capture_logs() as logs:
        async with stage.worker(lease=3.0, beat=0.05, give_up_after=0.3):
            # When: no beat comes through for so long
            store.lose("request", "beat", times=10_000)
            await until(lambda: any(entry["event"] == "worker stopped" for entry in logs), "the worker gave up")

    # Then: it said why
    (reason,) = [entry["reason"] for entry in logs if entry["event"] == "worker stopped"]
    assert "no beat got through" in reason


async def test_a_fenced_thread_is_not_beaten_for_and_its_outcome_is_dropped() -> None:
    # Given: a thread that cannot be stopped, and a heart that lost the store for longer than the lease
    store = FailingBackend(MemoryBackend())
    stage = Stage(store)
    loop = asyncio.get_running_loop()
    go, started = threading.Event(), asyncio.Event()
    runs: list[int] = []

    @stage.task
    def deaf() -> int:
        runs.append(len(runs) + 1)
        loop.call_soon_threadsafe(started.set)
        if len(runs) == 1:
            go.wait()
        return len(runs)

    async with stage.worker(lease=0.5, beat=0.1):
        id = await stage.submit(deaf)
        await soon(started)
        store.lose("request", "beat", times=6)

        # When: the beats come through again
        job = await stage.ended(id)
        go.set()

    # Then: the lease was not renewed for the dead run; the job was lost once and ran again
    assert (job.state, job.result, job.losses, job.attempts) == (State.COMPLETED, b"2", 1, 1)


async def test_a_job_with_a_short_lease_of_its_own_is_beaten_in_time(stage: Stage) -> None:
    # Given: a worker with a long lease and rare beats, and a job whose lease is 1,500 ms
    @stage.task(lease="1500ms")
    async def long() -> int:
        await asyncio.sleep(4)  # sleeps: a real lease has to pass
        return 1

    # When: it runs for longer than that
    async with stage.worker(lease=60.0, beat=20.0):
        job = await stage.ended(await stage.submit(long))

    # Then: it kept its lease
    assert (job.epoch, job.losses) == (1, 0)


async def test_the_registry_shows_the_worker_and_what_it_runs(stage: Stage) -> None:
    # Given: a worker with a run
    started, go = asyncio.Event(), asyncio.Event()

    @stage.task
    async def work() -> None:
        started.set()
        await go.wait()

    async with stage.worker(name="alpha", beat=0.05, lease=3.0):
        id = await stage.submit(work)
        await soon(started)

        # When: it has beaten since
        async def shown() -> bool:
            return any(card.running for card in (await stage.backend.stats()).workers)

        await until(shown, "a card shows the run")
        card = (await stage.backend.stats()).workers[0]
        go.set()
        await stage.ended(id)

    # Then: its card says so; after the stop there is none
    assert (card.name, card.running, card.queues) == ("alpha", (id,), ("default",))
    assert "work" in card.tasks
    assert (await stage.backend.stats()).workers == []


async def test_the_reaper_gives_back_what_a_dead_worker_held() -> None:
    # Given: a job whose worker took it and was never seen again
    clock = ManualClock()
    stage = Stage(MemoryBackend(clock))

    @stage.task
    async def work() -> None: ...

    id = await stage.submit(work)
    await stage.take(ms=15_000)
    reaper = Reaper(stage.backend, Lease(worker="reaper", ms=15_000))

    # When: the reaper comes by before and after the lease has ended
    clock.advance(14.9)
    early = await reaper.reap_once()
    clock.advance(0.2)
    late = await reaper.reap_once()

    # Then: only then it is given back: one loss, no attempt, in its old place
    job = await stage.get(id)
    assert (early, late) == (0, 1)
    assert (job.state, job.attempts, job.losses, job.epoch) == (State.WAITING, 0, 1, 2)


async def test_a_second_loss_puts_the_job_under_quarantine() -> None:
    # Given: a job that was lost twice
    clock = ManualClock()
    stage = Stage(MemoryBackend(clock))

    @stage.task
    async def work() -> None: ...

    id = await stage.submit(work)
    reaper = Reaper(stage.backend, Lease(worker="reaper", ms=15_000))
    marks: list[tuple[int, bool]] = []
    job = await stage.get(id)
    for _ in range(2):
        await stage.take(ms=15_000)
        clock.advance(16)

        # When: the reaper gives it back
        await reaper.reap_once()
        job = await stage.get(id)
        marks.append((job.losses, quarantined(job)))

    # Then: the second time it is to run alone, and still nothing is charged
    assert marks == [(1, False), (2, True)]
    assert job.attempts == 0


async def test_a_lost_run_of_a_cancelled_job_ends_as_cancelled() -> None:
    # Given: a job that was cancelled while its worker was dying
    clock = ManualClock()
    stage = Stage(MemoryBackend(clock))

    @stage.task
    async def work() -> None: ...

    id = await stage.submit(work)
    await stage.take(ms=15_000)
    await stage.backend.cancel([id])

    # When: its lease has ended
    clock.advance(16)
    await Reaper(stage.backend, Lease(worker="reaper", ms=15_000)).reap_once()

    # Then: it is not run again
    assert (await stage.get(id)).state is State.CANCELLED


async def test_a_reaper_that_stood_still_lets_the_living_beat_first(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given: a reaper, and a clock by which an hour passes while it sleeps for the first time
    looks: list[float] = []
    pauses: list[float] = []
    times = iter([0.0, 3600.0, 3600.0, 3600.1, 3600.2, 3600.3])
    monkeypatch.setattr(reaper_module, "_now", lambda: next(times))

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        await real_sleep(0)

    async def look(*args: object) -> list[Job]:
        looks.append(len(pauses))
        if len(looks) == 3:
            done.set()
            await asyncio.Event().wait()
        return []

    done, real_sleep = asyncio.Event(), asyncio.sleep
    monkeypatch.setattr(reaper_module, "asyncio", SimpleNamespace(sleep=pause))
    monkeypatch.setattr(stage.backend, "reclaim", look)

    # When: it wakes
    reaping = asyncio.create_task(Reaper(stage.backend, Lease(worker="reaper", ms=15_000)).run())
    await soon(done)
    reaping.cancel()

    # Then: before it looks again it waits for longer than a beat, once; otherwise for about a second
    assert looks == [0, 2, 3]
    assert 0.8 <= pauses[0] <= 1.2
    assert 6.0 <= pauses[1] <= 10.0
    assert 0.8 <= pauses[2] <= 1.2


@pytest.mark.parametrize(("lease_ms", "longest"), [(15_000, 1.0), (1_000, 0.2)])
def test_a_reaper_looks_more_often_under_a_short_lease(stage: Stage, lease_ms: int, longest: float) -> None:
    # Given / When: a reaper of a worker with that lease
    reaper = Reaper(stage.backend, Lease(worker="reaper", ms=lease_ms))

    # Then: it looks so often that a job is back within two seconds of a lease, and within two at a lease of one
    assert reaper._interval == longest


async def test_a_reaper_that_dies_in_the_middle_strands_nothing() -> None:
    # Given: a reaper that took a job over and was never seen again
    clock = ManualClock()
    stage = Stage(MemoryBackend(clock))

    @stage.task
    async def work() -> None: ...

    id = await stage.submit(work)
    await stage.take(ms=15_000)
    clock.advance(16)
    await stage.backend.reclaim(10, Lease(worker="dying", ms=15_000))

    # When: another one comes by after its lease
    clock.advance(16)
    await Reaper(stage.backend, Lease(worker="second", ms=15_000)).reap_once()

    # Then: the job waits again
    assert (await stage.get(id)).state is State.WAITING


async def test_the_purger_removes_what_is_past_its_time_and_goes_on_after_an_error() -> None:
    # Given: an ended job, a store that fails once, and a purger
    clock = ManualClock()
    store = FailingBackend(MemoryBackend(clock))
    stage = Stage(store)

    @stage.task
    async def work() -> None: ...

    id = await stage.submit(work)
    await stage.complete(await stage.take(), b"1")
    clock.advance(61)
    store.lose("request", "purge", times=2)
    purging = asyncio.create_task(Purger(store, interval=0.01).run())

    # When: it has had its turn
    await until(lambda: store.calls["purge"] >= 3, "the third purge")
    purging.cancel()

    # Then: only id, state and end are left
    job = await stage.get(id)
    assert (job.state, job.result, job.spec.task) == (State.COMPLETED, None, "")
