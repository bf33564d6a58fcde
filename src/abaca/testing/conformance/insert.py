"""Inserts: ids before keys, batches, and what comes back out."""

from __future__ import annotations

from abaca.backend import MAX_BATCH, Backend
from abaca.clock import ManualClock
from abaca.model import (
    ErrorInfo,
    Fixed,
    Inserted,
    Keep,
    Receipt,
    RetryRule,
    State,
    Status,
)
from abaca.testing.conformance.making import (
    SECOND,
    claim,
    claim_one,
    complete,
    fail,
    fetch,
    finish,
    insert,
    is_refused,
    job_id,
    make,
    many,
    settle,
    start,
)


class TestInsert:
    async def test_a_job_is_stored_as_it_was_asked_for(self, store: Backend, clock: ManualClock) -> None:
        # Given a job with every field set
        new = make(
            1,
            args=b'{"n":1}',
            queue="q",
            priority=77,
            lane="cpu",
            delay_ms=5000,
            key="k",
            tags=("a", "b"),
            owner="o",
            tenant="t",
            parent=job_id(9),
            retry=RetryRule(max_attempts=2, backoff=Fixed(delay=3.0), on=("builtins.OSError",)),
            timeout_ms=1234,
            lease_ms=4321,
            keep=Keep(completed_ms=1, cancelled_ms=2, failed_ms=3),
            carrier={"traceparent": "00-1-2-01", "x-request-id": "ä"},
        )
        # When it is inserted
        receipts = await store.insert([new])
        # Then the record holds it, waiting and never run
        job = await fetch(store, new.id)
        assert receipts == [Receipt(id=new.id, outcome=Inserted.INSERTED)]
        assert job.spec == new
        assert (job.state, job.epoch, job.attempts, job.losses) == (State.WAITING, 0, 0, 0)
        assert (job.created_at, job.due_at) == (clock.now(), clock.now() + 5 * SECOND)
        assert (job.started_at, job.ended_at, job.lease_until, job.result, job.error) == (None,) * 5

    async def test_a_job_with_nothing_but_a_name_is_stored(self, store: Backend) -> None:
        # Given a job with defaults only
        new = make(1)
        # When it is inserted
        await insert(store, new)
        # Then it comes back the same
        assert (await fetch(store, new.id)).spec == new

    async def test_a_known_id_changes_nothing(self, store: Backend) -> None:
        # Given a stored job
        await insert(store, make(1, args=b"[1]"))
        # When the same id is inserted with other contents
        receipts = await store.insert([make(1, args=b"[2]", queue="other")])
        # Then it is known, and what was stored stays
        assert receipts == [Receipt(id=job_id(1), outcome=Inserted.KNOWN)]
        assert (await fetch(store, job_id(1))).spec.args == b"[1]"
        assert len(await claim(store, "default", "other")) == 1

    async def test_an_ended_job_is_known(self, store: Backend) -> None:
        # Given a job that has ended
        await finish(store, make(1))
        # When it is inserted again
        outcomes = await insert(store, make(1))
        # Then it is known and does not run again
        assert outcomes == [Inserted.KNOWN]
        assert await claim(store) == []

    async def test_a_tombstone_is_known(self, store: Backend, clock: ManualClock) -> None:
        # Given a job of which the tombstone is left
        await finish(store, make(1), keep_ms=1000)
        clock.advance(2)
        await store.purge(10)
        # When it is inserted again
        outcomes = await insert(store, make(1))
        # Then it is known and does not run again
        assert outcomes == [Inserted.KNOWN]
        assert await claim(store) == []

    async def test_earlier_jobs_of_a_batch_count_as_present(self, store: Backend) -> None:
        # Given nothing
        # When one batch holds the same id twice and the same key twice
        receipts = await store.insert([make(1, key="k"), make(1), make(2, key="k")])
        # Then the first of each stands for the others
        assert receipts == [
            Receipt(id=job_id(1), outcome=Inserted.INSERTED),
            Receipt(id=job_id(1), outcome=Inserted.KNOWN),
            Receipt(id=job_id(1), outcome=Inserted.HELD),
        ]

    async def test_a_batch_of_the_greatest_size_is_stored_in_order(self, store: Backend) -> None:
        # Given a thousand jobs
        jobs = many(MAX_BATCH)
        # When they go in at once
        receipts = await store.insert(jobs)
        # Then there is a receipt for each, in order, and all can be claimed
        assert [receipt.id for receipt in receipts] == [job.id for job in jobs]
        assert {receipt.outcome for receipt in receipts} == {Inserted.INSERTED}
        assert len(await claim(store, slots=MAX_BATCH + 1)) == MAX_BATCH

    async def test_a_larger_batch_is_refused_whole(self, store: Backend) -> None:
        # Given one job too many
        jobs = many(MAX_BATCH + 1)
        # When they go in at once
        refused = await is_refused(store.insert(jobs))
        # Then it is an error and nothing was stored
        assert refused
        assert await store.get([jobs[0].id]) == [None]

    async def test_an_empty_batch_is_no_error(self, store: Backend) -> None:
        # Given nothing
        # When nothing is inserted
        receipts = await store.insert([])
        # Then there are no receipts
        assert receipts == []

    async def test_run_at_wins_over_delay(self, store: Backend, clock: ManualClock) -> None:
        # Given an absolute time and a delay
        at = clock.now() + 60 * SECOND
        # When a job with both is inserted
        await insert(store, make(1, run_at=at, delay_ms=1000))
        # Then the absolute time counts
        assert (await fetch(store, job_id(1))).due_at == at

    async def test_status_follows_the_clock(self, store: Backend, clock: ManualClock) -> None:
        # Given a job that is due in ten seconds
        await insert(store, make(1, delay_ms=10_000))
        before = (await fetch(store, job_id(1))).status
        # When ten seconds have passed
        clock.advance(10)
        # Then it is queued, though nothing was written
        assert (before, (await fetch(store, job_id(1))).status) == (Status.SCHEDULED, Status.QUEUED)


class TestContents:
    async def test_arguments_that_are_not_text_survive(self, store: Backend) -> None:
        # Given arguments of every byte value
        args = bytes(range(256)) * 2
        # When the job is claimed
        await insert(store, make(1, args=args))
        # Then they are unchanged
        assert (await claim_one(store)).spec.args == args

    async def test_empty_arguments_survive(self, store: Backend) -> None:
        # Given no bytes at all
        await insert(store, make(1, args=b""))
        # When the job is claimed
        job = await claim_one(store)
        # Then there are still none
        assert job.spec.args == b""

    async def test_a_megabyte_of_arguments_survives(self, store: Backend) -> None:
        # Given large arguments and a large result
        args, result = b"a" * (1 << 20), b"r" * (1 << 20)
        # When the job runs
        job = await start(store, make(1, args=args))
        await settle(store, complete(job, result=result))
        # Then both are unchanged
        stored = await fetch(store, job.id)
        assert (job.spec.args, stored.spec.args, stored.result) == (args, args, result)

    async def test_names_in_any_script_survive(self, store: Backend) -> None:
        # Given names that no ASCII table holds, with separators of every kind
        new = make(1, task="täsk:'\"{}\n", queue="очередь:{1}", key="鍵 1", tags=("ü", "🐝", "a,b"), owner="ö'; --")
        # When the job is claimed
        await insert(store, new)
        job = await claim_one(store, new.queue)
        # Then they are unchanged
        assert job.spec == new

    async def test_an_error_in_any_script_survives(self, store: Backend) -> None:
        # Given a failure whose text is not ASCII
        error = ErrorInfo(type="a.B", message="ошибка ☃", traceback="line\nline", kinds=("a.B", "x.Y"), attempt=1)
        # When it is stored
        job = await start(store, make(1))
        await settle(store, fail(job, error=error))
        # Then it comes back the same
        assert (await fetch(store, job.id)).error == error
