"""What a worker in another language asks of the service, over a memory store whose clock the test moves."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from abaca.announce import announced
from abaca.app import App
from abaca.backends.memory import MemoryBackend
from abaca.clock import ManualClock
from abaca.codec import new_id
from abaca.errors import ConfigError
from abaca.model import Change, Job, Kind, Lease, NewJob, Query, State, Status, job_topic
from abaca.options import TaskOptions
from abaca.places import Blobs
from abaca.remote import (
    LANE,
    BeatRequest,
    ClaimedRun,
    ClaimRequest,
    RemoteWorkers,
    SettleRequest,
    UpdateRequest,
    Upkeep,
)

HOLDER = "key1:resizer"
OTHER = "key2:resizer"


class Desk:
    """A store, and the verbs as a worker calls them: with JSON."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.backend = MemoryBackend(clock=self.clock)
        self.workers = RemoteWorkers(self.backend, Blobs())
        self.app = App(backend=self.backend)

    async def submit(self, **fields: Any) -> str:
        job = NewJob(**{"id": new_id(), "task": "resize", "lane": LANE, "queue": "images", **fields})
        await self.backend.insert([job])
        return job.id

    async def claim(self, *, holder: str = HOLDER, **fields: Any) -> list[ClaimedRun]:
        body = {"worker": "resizer", "queues": ["images"], "tasks": ["resize"], "slots": 10, **fields}
        return await self.workers.claim(msgspec.convert(body, ClaimRequest), holder, 0)

    async def settle(self, run: ClaimedRun, outcome: dict[str, Any], *, holder: str = HOLDER) -> str:
        body = {"worker": "resizer", "runs": [{"id": run.id, "epoch": run.epoch, "outcome": outcome}]}
        asked = msgspec.json.decode(msgspec.json.encode(body), type=SettleRequest)
        return (await self.workers.settle(asked, holder))[0].answer

    async def beat(self, run: ClaimedRun, *, holder: str = HOLDER) -> tuple[str, bool]:
        body = {"worker": "resizer", "runs": [{"id": run.id, "epoch": run.epoch}], "processed": 3}
        answer = (await self.workers.beat(msgspec.convert(body, BeatRequest), holder))[0]
        return answer.answer, answer.cancel

    async def append(self, run: ClaimedRun, *entries: dict[str, Any], holder: str = HOLDER) -> list[str]:
        updates = [{"id": run.id, "epoch": run.epoch, **entry} for entry in entries]
        asked = msgspec.json.decode(msgspec.json.encode({"worker": "resizer", "updates": updates}), type=UpdateRequest)
        return [answer.answer for answer in await self.workers.append(asked, holder)]

    async def job(self, id: str) -> Job:
        job = (await self.backend.get([id]))[0]
        assert job is not None
        return job


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_a_claimed_run_has_all_that_a_worker_needs(desk: Desk) -> None:
    # Given
    id = await desk.submit(args=b'{"width":80}', timeout_ms=9_000, tags=("web",), tenant="acme")

    # When
    (run,) = await desk.claim(lease_ms=20_000)

    # Then
    assert (run.id, run.epoch, run.task, bytes(run.args)) == (id, 1, "resize", b'{"width":80}')
    assert (run.attempt, run.max_attempts, run.lease_ms, run.timeout_ms) == (1, 4, 20_000, 9_000)
    assert (run.tags, run.tenant, run.items) == (("web",), "acme", 0)


async def test_a_completed_run_stores_its_result(desk: Desk) -> None:
    # Given
    id = await desk.submit()
    (run,) = await desk.claim()

    # When
    answer = await desk.settle(run, {"type": "completed", "result": {"bytes": 12}})

    # Then
    assert answer == "applied"
    assert (await desk.app.job(id).result(timeout=5)) == {"bytes": 12}


async def test_a_failed_run_is_retried_as_the_jobs_rule_says(desk: Desk) -> None:
    # Given
    id = await desk.submit()
    (run,) = await desk.claim()

    # When
    answer = await desk.settle(run, {"type": "failed", "error": {"type": "TypeError", "message": "no width"}})

    # Then
    job = await desk.job(id)
    assert (answer, job.attempts, job.status) == ("applied", 1, Status.RETRYING)
    assert str(job.error) == "TypeError: no width"


@pytest.mark.parametrize(
    ("outcome", "status", "attempts"),
    [
        ({"type": "aborted", "error": {"type": "BadImage"}}, Status.FAILED, 1),
        ({"type": "snoozed", "delay_ms": 5_000}, Status.SCHEDULED, 0),
        ({"type": "released"}, Status.QUEUED, 0),
        ({"type": "timed_out"}, Status.RETRYING, 1),
        ({"type": "cancelled"}, Status.QUEUED, 0),  # nobody asked for it: a worker cannot cancel a job
    ],
)
async def test_each_outcome_means_what_it_means_to_other_workers(
    desk: Desk, outcome: dict[str, Any], status: Status, attempts: int
) -> None:
    # Given
    id = await desk.submit(timeout_ms=1_000)
    (run,) = await desk.claim()

    # When
    answer = await desk.settle(run, outcome)

    # Then
    job = await desk.job(id)
    assert (answer, job.status, job.attempts) == ("applied", status, attempts)


async def test_a_settle_that_is_repeated_changes_nothing(desk: Desk) -> None:
    # Given
    id = await desk.submit()
    (run,) = await desk.claim()
    await desk.settle(run, {"type": "completed", "result": 1})

    # When
    answer = await desk.settle(run, {"type": "completed", "result": 2})

    # Then
    assert answer == "settled"
    assert (await desk.job(id)).result == b"1"


async def test_a_worker_that_was_too_slow_can_change_nothing(desk: Desk) -> None:
    # Given
    id = await desk.submit()
    (late,) = await desk.claim(lease_ms=5_000)
    desk.clock.advance(6)
    await desk.backend.reclaim(10, Lease(worker="reaper", ms=15_000))

    # When
    answers = [
        await desk.settle(late, {"type": "completed"}),
        (await desk.beat(late))[0],
        *await desk.append(late, {"seq": 1, "kind": "log", "data": {"message": "here"}}),
    ]

    # Then
    assert answers == ["lost", "lost", "lost"]
    assert (await desk.job(id)).state is State.RUNNING


async def test_a_worker_of_another_key_cannot_speak_for_a_run(desk: Desk) -> None:
    # Given
    await desk.submit()
    (run,) = await desk.claim()

    # When
    answers = [await desk.settle(run, {"type": "completed"}, holder=OTHER), (await desk.beat(run, holder=OTHER))[0]]

    # Then
    assert answers == ["lost", "lost"]


async def test_a_beat_renews_the_lease_and_tells_of_a_cancel(desk: Desk) -> None:
    # Given
    id = await desk.submit()
    (run,) = await desk.claim(lease_ms=30_000)
    desk.clock.advance(20)
    await desk.backend.cancel([id])

    # When
    answer = await desk.beat(run)
    desk.clock.advance(20)

    # Then
    assert answer == ("alive", True)
    assert await desk.backend.reclaim(10, Lease(worker="reaper", ms=15_000)) == []
    assert await desk.settle(run, {"type": "cancelled"}) == "applied"
    assert (await desk.job(id)).state is State.CANCELLED


async def test_a_failure_after_a_cancel_ends_the_job_as_cancelled(desk: Desk) -> None:
    # Given
    id = await desk.submit()
    (run,) = await desk.claim()
    await desk.backend.cancel([id])

    # When
    answer = await desk.settle(run, {"type": "failed", "error": {"type": "Interrupted"}})

    # Then
    assert answer == "applied"
    assert (await desk.job(id)).state is State.CANCELLED


async def test_a_beat_past_the_timeout_ends_the_run(desk: Desk) -> None:
    # Given
    id = await desk.submit(timeout_ms=2_000)
    (run,) = await desk.claim(lease_ms=30_000)
    desk.clock.advance(3)

    # When
    answer = await desk.beat(run)

    # Then
    job = await desk.job(id)
    assert answer == ("lost", False)
    assert (job.status, job.attempts) == (Status.RETRYING, 1)


async def test_what_a_run_says_is_in_its_jobs_log(desk: Desk) -> None:
    # Given
    id = await desk.submit()
    (run,) = await desk.claim()

    # When
    entries = [
        {"seq": 1, "kind": "progress", "data": {"done": 1, "total": 4}},
        {"seq": 2, "kind": "log", "data": {"level": "info", "message": "half way"}},
        {"seq": 3, "kind": "item", "offset": 0, "data": "a"},
    ]
    answers = await desk.append(run, *entries)
    repeated = await desk.append(run, entries[2])
    await desk.settle(run, {"type": "failed", "error": {"type": "Interrupted"}})
    desk.clock.advance(600)
    (again,) = await desk.claim()

    # Then
    kinds = [entry.kind for entry in (await desk.backend.updates(id, 0, 10)).entries]
    assert (answers, repeated) == (["applied"] * 3, ["applied"])
    assert kinds.count(Kind.ITEM) == 1
    assert (again.epoch, again.items) == (2, 1)


async def test_a_task_that_the_worker_does_not_know_is_given_back(desk: Desk) -> None:
    # Given
    id = await desk.submit(task="rotate")

    # When
    runs = await desk.claim()

    # Then
    job = await desk.job(id)
    assert runs == []
    assert (job.status, job.attempts) == (Status.SCHEDULED, 0)


async def test_a_job_that_must_not_run_is_ended_by_the_service(desk: Desk) -> None:
    # Given
    id = await desk.submit(expires_ms=1_000)
    desk.clock.advance(5)

    # When
    runs = await desk.claim()

    # Then
    assert runs == []
    assert (await desk.job(id)).state is State.CANCELLED


async def test_a_claim_makes_its_tasks_known_by_name(desk: Desk) -> None:
    # Given
    await desk.claim()

    # When
    handle = await desk.app.enqueue_by_name("resize", {"width": 10})

    # Then
    (run,) = await desk.claim()
    assert (run.id, run.queue) == (handle.id, "images")


async def test_a_task_of_an_app_cannot_be_taken_over(desk: Desk) -> None:
    # Given
    @desk.app.task(name="resize")
    async def resize() -> None: ...

    async with desk.app.connect():
        pass

    # When
    with pytest.raises(ConfigError, match="workers of an app run task 'resize'"):
        await desk.claim()

    # Then
    assert (await announced(desk.backend, "resize")) == TaskOptions(pool="async")


async def test_a_remote_worker_is_among_the_workers(desk: Desk) -> None:
    # Given
    await desk.submit()
    (run,) = await desk.claim()

    # When
    await desk.beat(run)

    # Then
    (card,) = (await desk.app.stats()).workers
    assert (card.id, card.name, card.queues, card.running, card.processed) == (
        HOLDER,
        "resizer",
        ("images",),
        (run.id,),
        3,
    )


async def test_what_nobody_heard_of_is_given_back_uncharged(desk: Desk) -> None:
    # Given
    id = await desk.submit()
    runs = await desk.claim()

    # When
    await desk.workers.release(runs, HOLDER)

    # Then
    job = await desk.job(id)
    assert (job.status, job.attempts) == (Status.QUEUED, 0)
    assert (await desk.backend.find(Query(status=(Status.RUNNING,)))).jobs == []
    assert (await desk.backend.amend([Change(id=id, priority=1)]))[0].name == "APPLIED"


async def test_the_service_takes_over_the_jobs_of_a_worker_that_died(desk: Desk) -> None:
    # Given
    id = await desk.submit()
    await desk.claim(lease_ms=30_000)
    desk.clock.advance(31)
    watch = await desk.backend.watch([job_topic(id)])

    # When
    async with Upkeep(desk.backend, "service").running():
        while (await desk.job(id)).state is State.RUNNING:
            await watch.next(5)
    await watch.close()

    # Then
    job = await desk.job(id)
    assert (job.state, job.attempts, job.losses) == (State.WAITING, 0, 1)
