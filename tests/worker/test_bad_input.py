"""What a worker makes of jobs that it cannot run, and of results that it cannot store."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from abaca.backends.memory import MemoryBackend
from abaca.model import Exchanged, Job, Lease, Settle, State, Status, Want
from abaca.policy.decide import Memo
from tests.worker import handlers
from tests.worker.harness import Stage


async def test_an_unknown_task_is_given_back_uncharged_with_a_growing_delay(stage: Stage) -> None:
    # Given: a job whose task this worker does not have
    id = await stage.submit("not_here")

    # When: the worker has met it twice
    async with stage.worker():
        first = await stage.until(id, lambda job: job.epoch == 1 and job.state is State.WAITING)
        second = await stage.until(id, lambda job: job.epoch == 2 and job.state is State.WAITING)

    # Then: it waits, nothing is charged, and the worker remembers how long it has been missing
    assert (second.status, second.attempts, second.losses) == (Status.SCHEDULED, 0, 0)
    missing = [msgspec.msgpack.decode(job.memo, type=Memo).missing_ms for job in (first, second)]
    assert missing == [1_000, 2_000]


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"{}", "`n`"),
        (b'{"n": "text"}', "'n'"),
        (b'{"n": 1, "m": 2}', "m"),
        (b"\xff\x00 no json", "tell"),
        (b"", "tell"),
        (b"\x28\xb5\x2f\xfd broken frame", "tell"),
    ],
)
async def test_arguments_that_cannot_be_read_fail_at_once(stage: Stage, data: bytes, names: str) -> None:
    # Given: stored arguments that the handler's signature does not take
    @stage.task
    async def tell(n: int) -> int:
        return n

    # When: a worker claims the job, under a rule with many attempts
    async with stage.worker():
        job = await stage.ended(await stage.submit("tell", args=data))

    # Then: it failed without retry and the message names the argument or at least the task
    assert job.error is not None
    assert (job.state, job.attempts, job.error.type) == (State.FAILED, 1, "abaca.errors.ArgumentError")
    assert names in job.error.message


async def test_arguments_that_cannot_be_read_fail_at_once_in_a_child_too(stage: Stage) -> None:
    # Given / When: the same for pool="process"
    async with stage.worker():
        job = await stage.ended(await stage.submit("add", lane="process", args=b'{"a": 1}'))

    # Then: the same
    assert (job.state, job.error and job.error.type) == (State.FAILED, "abaca.errors.ArgumentError")


@pytest.mark.parametrize("pool", ["async", "thread"])
@pytest.mark.parametrize(("value", "error"), [(object(), "ResultError"), ("x" * 2_000_000, "PayloadTooLarge")])
async def test_a_result_that_cannot_be_stored_fails_the_job_not_the_worker(
    stage: Stage, pool: str, value: Any, error: str
) -> None:
    # Given: a handler whose value has no JSON form, or is above the limit
    def give() -> Any:
        return value

    async def give_async() -> Any:
        return value

    @stage.task
    async def fine() -> int:
        return 1

    task: Any = stage.task(give if pool == "thread" else give_async)

    # When: it is run, and another job after it
    async with stage.worker(concurrency=1):
        job = await stage.ended(await stage.submit(task))
        after = await stage.ended(await stage.submit(fine))

    # Then: the reason is the job's error, it is not retried, and the worker goes on
    assert job.error is not None
    assert (job.state, job.attempts, job.error.type) == (State.FAILED, 1, f"abaca.errors.{error}")
    assert task.name in job.error.message
    assert after.state is State.COMPLETED


async def test_a_result_of_a_child_that_is_too_large_fails_the_job(stage: Stage) -> None:
    # Given / When: a child process returns 2 MB
    async with stage.worker():
        job = await stage.ended(await stage.submit(handlers.too_large))

    # Then: the job says so
    assert (job.state, job.error and job.error.type) == (State.FAILED, "abaca.errors.PayloadTooLarge")


class Damaging(MemoryBackend):
    """Hands out the next claimed job as a store does whose record it cannot read, or with a broken memo."""

    change: dict[str, Any] = {"damage": "the record's bytes end early"}  # noqa: RUF012

    async def exchange(self, done: Any, want: Want | None, lease: Lease) -> Exchanged:
        answer = await super().exchange(done, want, lease)
        jobs = [self._damage(job) for job in answer.jobs]
        return Exchanged(verdicts=answer.verdicts, jobs=jobs)

    async def reclaim(self, limit: int, lease: Lease) -> list[Job]:
        return [self._damage(job) for job in await super().reclaim(limit, lease)]

    def _damage(self, job: Job) -> Job:
        return msgspec.structs.replace(job, **self.change) if "bad" in job.spec.tags else job


@pytest.mark.parametrize("change", [{"damage": "the record's bytes end early"}, {"memo": b"\xc1 not a memo"}])
async def test_a_damaged_record_is_failed_and_kept_and_the_worker_goes_on(change: dict[str, Any]) -> None:
    # Given: a store in which one record is damaged
    backend = Damaging()
    backend.change = change
    stage = Stage(backend)

    @stage.task
    async def fine() -> int:
        return 1

    bad = await stage.submit(fine, tags=("bad",))
    good = await stage.submit(fine)

    # When: a worker claims both
    async with stage.worker():
        damaged, sound = await stage.all_ended([bad, good])

    # Then: one is failed with the reason, the other is done
    assert damaged.error is not None
    assert (damaged.state, damaged.error.type) == (State.FAILED, "abaca.RecordDamaged")
    assert sound.state is State.COMPLETED


@pytest.mark.parametrize("change", [{"damage": "the record's bytes end early"}, {"memo": b"\xc1 not a memo"}])
async def test_the_reaper_survives_a_damaged_record_too(change: dict[str, Any]) -> None:
    # Given: a damaged job and a sound one whose holder is gone
    backend = Damaging()
    backend.change = change
    stage = Stage(backend)

    @stage.task
    async def fine() -> int:
        return 1

    bad = await stage.submit(fine, tags=("bad",), lease_ms=1)
    good = await stage.submit(fine, lease_ms=1)
    await stage.take()
    await stage.take()

    # When: a worker's reaper comes by
    async with stage.worker():
        damaged, sound = await stage.all_ended([bad, good])

    # Then: the damaged one is failed and the other one ran
    assert (damaged.state, sound.state) == (State.FAILED, State.COMPLETED)


class Picky(MemoryBackend):
    """Refuses any batch that holds a certain result, as a store does that hits a bug of its own."""

    async def exchange(self, done: Any, want: Want | None, lease: Lease) -> Exchanged:
        if any(isinstance(settle, Settle) and settle.to.result == b'"poison"' for settle in done):
            raise self.error
        return await super().exchange(done, want, lease)

    error: Exception = ValueError("cannot store this")


@pytest.mark.parametrize("error", [ValueError("a bug"), TypeError("another")])
async def test_a_settle_that_the_store_refuses_holds_up_no_other(error: Exception) -> None:
    # Given: a store that chokes on one result
    backend = Picky()
    backend.error = error
    stage = Stage(backend)

    @stage.task
    async def give(value: str) -> str:
        return value

    ids = [await stage.submit(give, "poison" if n == 3 else "fine") for n in range(8)]

    # When: it is among others
    async with stage.worker():
        jobs = await stage.all_ended(ids)

    # Then: that job failed with the store's reason, all others are done
    assert [job.state for job in jobs].count(State.COMPLETED) == 7
    assert jobs[3].error is not None
    assert str(error) in jobs[3].error.message


async def test_a_job_for_a_lane_that_is_not_its_pool_still_runs(stage: Stage) -> None:
    # Given: a job enqueued before its task moved to another pool
    @stage.task
    def sync_now() -> int:
        return 7

    # When: a worker claims it by its old lane
    async with stage.worker():
        job = await stage.ended(await stage.submit("sync_now", lane="async"))

    # Then: it ran where the task belongs
    assert (job.state, job.result) == (State.COMPLETED, b"7")
