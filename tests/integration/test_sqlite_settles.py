"""Settles that are alike are written in one statement, and each is still judged for itself."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from abaca.backends.sqlite.store import SqliteBackend
from abaca.model import ErrorInfo, Job, Kind, NewJob, Settle, State, Transition, Verdict
from tests.integration.sqlite_help import LEASE, claim, complete, job_id, make, opened

APPLIED, STALE, CANCEL = Verdict.APPLIED, Verdict.STALE, Verdict.CANCEL
MANY = 30


async def claimed(store: SqliteBackend, count: int = MANY) -> list[Job]:
    await store.insert([make(number) for number in range(count)])
    return await claim(store, count)


def ends(jobs: Sequence[Job], **fields: object) -> list[Settle]:
    return [Settle(id=job.id, epoch=job.epoch, to=transition(**fields)) for job in jobs]


def transition(**fields: object) -> Transition:
    return Transition(**{"target": State.COMPLETED, "attempts": 1, "result": b"1", "keep_ms": 1000, **fields})  # type: ignore[arg-type]


async def states(store: SqliteBackend, jobs: Sequence[Job]) -> list[State | None]:
    return [None if job is None else job.state for job in await store.get([job.id for job in jobs])]


async def settle(store: SqliteBackend, settles: Sequence[Settle]) -> list[Verdict]:
    return (await store.exchange(settles, None, LEASE)).verdicts


async def test_each_of_many_alike_keeps_its_own_result(sqlite_url: str) -> None:
    # Given many jobs that end alike but for their results, of every kind
    results = [b"1", None, b'"\\u0000"', b"\xff", b'"x\x00"', b'"' + b"y" * 5000 + b'"', b'"\xc3\xa4"', b'"\\""']
    async with opened(sqlite_url) as store:
        jobs = await claimed(store)
        wanted = [results[number % len(results)] for number in range(MANY)]
        settles = [
            Settle(id=job.id, epoch=1, to=transition(result=result)) for job, result in zip(jobs, wanted, strict=True)
        ]
        # When they are settled together
        assert await settle(store, settles) == [APPLIED] * MANY
        # Then each has its own
        assert [job and job.result for job in await store.get([job.id for job in jobs])] == wanted
        # And the same settles again change nothing, while another result is refused
        assert await settle(store, settles) == [APPLIED] * MANY
        assert await settle(store, ends(jobs, result=b"other")) == [STALE] * MANY
        assert (await store.stats()).totals["completed"] == MANY


@pytest.mark.parametrize("at", [0, MANY // 2, MANY - 1])
async def test_one_that_does_not_apply_spoils_no_other(sqlite_url: str, at: int) -> None:
    # Given many alike, of which one was settled before
    async with opened(sqlite_url) as store:
        jobs = await claimed(store)
        await settle(store, ends([jobs[at]], target=State.CANCELLED))
        # When all are settled together, with an unknown one and one of another epoch
        unknown = Settle(id=job_id(9999), epoch=1, to=transition())
        other = Settle(id=jobs[at - 1].id, epoch=2, to=transition())
        rest = [job for job in jobs if job.id not in {jobs[at].id, other.id}]
        verdicts = await settle(store, [unknown, other, *ends([jobs[at]]), *ends(rest)])
        # Then those alone are stale
        assert verdicts == [STALE] * 3 + [APPLIED] * len(rest)
        assert set(await states(store, rest)) == {State.COMPLETED}
        assert await states(store, [jobs[at], jobs[at - 1]]) == [State.CANCELLED, State.RUNNING]
        totals = (await store.stats()).totals
        assert (totals["completed"], totals["cancelled"]) == (len(rest), 1)


async def test_a_batch_of_every_kind_is_judged_one_by_one(sqlite_url: str) -> None:
    # Given running jobs, one of which carries a cancel
    async with opened(sqlite_url) as store:
        jobs = await claimed(store, 12)
        await store.cancel([jobs[0].id])
        error = ErrorInfo(type="ValueError", message="no")
        settles = [
            *ends(jobs[0:2], target=State.WAITING, delay_ms=50, error=error, memo=b"memo"),
            *ends(jobs[2:4], target=State.FAILED, result=None, error=error, losses=1),
            *ends(jobs[4:6], keep_ms=5),
            *ends(jobs[6:11]),
            *ends(jobs[11:12], then=(NewJob(id=job_id(77), task="next"),)),
        ]
        # When they are settled together
        verdicts = await settle(store, settles)
        # Then the cancelled one is not put back, and every other has its own end
        assert verdicts == [CANCEL] + [APPLIED] * 11
        wanted = [State.RUNNING, State.WAITING, *[State.FAILED] * 2, *[State.COMPLETED] * 8]
        assert await states(store, jobs) == wanted
        assert (await store.get([job_id(77)]))[0] is not None
        # And an error is one entry of its job's log, none of the job that was refused
        for job, entries in ((jobs[0], 0), (jobs[1], 1), (jobs[2], 1), (jobs[4], 0)):
            history = await store.updates(job.id, 0, 10)
            assert [entry.kind for entry in history.entries] == [Kind.ERROR] * entries
            assert [entry.id for entry in history.entries] == [3] * entries


async def test_a_job_twice_in_one_batch_ends_by_its_first(sqlite_url: str) -> None:
    async with opened(sqlite_url) as store:
        jobs = await claimed(store, 6)
        doubled = [*[complete(job) for job in jobs], *ends(jobs, target=State.FAILED)]
        assert await settle(store, doubled) == [APPLIED] * 6 + [STALE] * 6
        assert (await store.stats()).totals == {"completed": 6, "failed": 0, "cancelled": 0}
