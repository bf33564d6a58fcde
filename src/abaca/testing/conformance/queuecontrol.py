"""Queues that are paused or limited as a whole, and how those held back are seen."""

from __future__ import annotations

import msgspec

from abaca.backend import Backend
from abaca.model import (
    BUCKET,
    QUEUE,
    Inserted,
    Job,
    Limit,
    Query,
    QueueSettings,
    Record,
    Settle,
    Status,
    Value,
    Verdict,
)
from abaca.testing.conformance.limits import ONE, TWO, held_claim, limited
from abaca.testing.conformance.making import (
    OTHER,
    back,
    claim,
    complete,
    ids,
    insert,
    job_id,
    make,
    many,
    numbered,
    settle,
)

_encode = msgspec.json.Encoder().encode


async def set_record(store: Backend, kind: str, id: str, value: Value) -> None:
    (stored,) = await store.read(kind, [id])
    version = 0 if stored is None else stored.version
    record = Record(kind=kind, id=id, data=_encode(value), version=version)
    assert await store.put([record]) == [Verdict.APPLIED]


class TestQueueControl:
    async def test_nothing_is_claimed_from_a_paused_queue(self, store: Backend) -> None:
        # Given a paused queue
        await insert(store, make(1), make(2, queue="other"))
        await set_record(store, QUEUE, "default", QueueSettings(paused=True))
        # When a worker of both claims
        jobs = await claim(store, "default", "other")
        # Then it gets the other's job, until the pause is over
        await set_record(store, QUEUE, "default", QueueSettings())
        assert (ids(jobs), ids(await claim(store))) == (numbered(2), numbered(1))

    async def test_what_runs_goes_on_when_its_queue_is_paused(self, store: Backend) -> None:
        await insert(store, make(1))
        (job,) = await claim(store)
        await set_record(store, QUEUE, "default", QueueSettings(paused=True))
        assert await settle(store, complete(job)) == [Verdict.APPLIED]

    async def test_resuming_wakes_a_held_claim(self, live_store: Backend) -> None:
        # Given a paused queue with a job, and a worker that waits
        await set_record(live_store, QUEUE, "default", QueueSettings(paused=True))
        await insert(live_store, make(1))
        waiting = held_claim(live_store)
        # When the queue is resumed
        await set_record(live_store, QUEUE, "default", QueueSettings())
        # Then the worker gets the job
        assert ids(await waiting) == numbered(1)

    async def test_a_queue_s_concurrency_holds_over_all_workers(self, store: Backend) -> None:
        # Given a queue for two
        await set_record(store, QUEUE, "default", QueueSettings(concurrency=2))
        await insert(store, *many(4))
        # When two workers claim
        first, second = await claim(store, slots=1), await claim(store, lease=OTHER)
        # Then they get two between them
        assert (ids(first), ids(second)) == (numbered(1), numbered(2))

    async def test_a_queue_s_concurrency_can_be_raised_and_taken_away(self, store: Backend) -> None:
        # Given a queue for one with jobs held back
        await set_record(store, QUEUE, "default", QueueSettings(concurrency=1))
        await insert(store, *many(4))
        counts = [len(await claim(store))]
        # When it is raised, and then taken away
        await set_record(store, QUEUE, "default", QueueSettings(concurrency=2))
        counts.append(len(await claim(store)))
        await set_record(store, QUEUE, "default", QueueSettings())
        counts.append(len(await claim(store)))
        # Then the others start
        assert counts == [1, 1, 2]

    async def test_a_bucket_s_record_takes_the_place_of_what_jobs_carry(self, store: Backend) -> None:
        # Given a bucket for one whose record says two
        await insert(store, *many(3, limits=(ONE,)))
        before = len(await claim(store))
        await set_record(store, BUCKET, "b", TWO)
        # When a worker claims
        after = len(await claim(store))
        # Then one more starts
        assert (before, after) == (1, 1)

    async def test_settings_that_cannot_be_read_say_nothing(self, store: Backend) -> None:
        await store.put([Record(kind=QUEUE, id="default", data=b"{broken")])
        await insert(store, make(1))
        assert ids(await claim(store)) == numbered(1)


class TestFullQueue:
    async def test_an_insert_beyond_the_length_is_refused_whole(self, store: Backend) -> None:
        # Given a queue for two waiting jobs
        await set_record(store, QUEUE, "default", QueueSettings(max_length=2))
        # When a batch of three comes, and one of another queue
        receipts = await store.insert([*many(3), make(4, queue="other")])
        # Then the third is told why, and is not there
        assert [receipt.outcome for receipt in receipts] == [
            Inserted.INSERTED,
            Inserted.INSERTED,
            Inserted.REFUSED,
            Inserted.INSERTED,
        ]
        assert "full" in receipts[2].reason
        assert await store.get([job_id(3)]) == [None]

    async def test_a_claim_makes_room(self, store: Backend) -> None:
        await set_record(store, QUEUE, "default", QueueSettings(max_length=1))
        await insert(store, make(1))
        await claim(store)
        assert await insert(store, make(2), make(3)) == [Inserted.INSERTED, Inserted.REFUSED]

    async def test_those_of_later_and_those_held_back_count(self, store: Backend) -> None:
        # Given one job that runs, one held back by it, and one for later
        await insert(store, *many(2, limits=(ONE,)))
        await claim(store)
        await insert(store, make(3, delay_ms=60_000))
        # When the queue is for two
        await set_record(store, QUEUE, "default", QueueSettings(max_length=2))
        # Then it is full
        assert await insert(store, make(4)) == [Inserted.REFUSED]

    async def test_a_known_job_and_a_held_key_are_told_as_ever(self, store: Backend) -> None:
        await insert(store, make(1, key="k"))
        await set_record(store, QUEUE, "default", QueueSettings(max_length=1))
        assert await insert(store, make(1, key="k"), make(2, key="k")) == [Inserted.KNOWN, Inserted.HELD]

    async def test_a_refused_job_takes_no_key(self, store: Backend) -> None:
        # Given a full queue, into which a job with a key could not come
        await set_record(store, QUEUE, "default", QueueSettings(max_length=0))
        await insert(store, make(1, key="k"))
        # When another queue's job asks for the key
        outcomes = await insert(store, make(2, key="k", queue="other"))
        # Then it is free
        assert outcomes == [Inserted.INSERTED]

    async def test_retries_requeues_and_follow_ups_come_in_all_the_same(self, store: Backend) -> None:
        # Given a job that runs and one that ended, in a queue that is full by now
        await insert(store, *many(2))
        first, second = await claim(store)
        await settle(store, complete(second))
        await set_record(store, QUEUE, "default", QueueSettings(max_length=0))
        # When the first goes back with a follow-up, and the second is requeued
        await settle(store, back(first, then=(make(3),)))
        await store.requeue([(second.id, second.epoch)])
        # Then all three wait
        assert sorted(ids(await claim(store))) == numbered(1, 2, 3)


class TestBlocked:
    async def test_stats_count_those_held_back_apart(self, store: Backend) -> None:
        # Given a job that runs, two held back, one free and one for later
        await insert(store, *many(3, limits=(ONE,)), make(5, delay_ms=60_000))
        await claim(store)
        await insert(store, make(4, priority=7))
        # When somebody counts
        (queue,) = (await store.stats()).queues
        # Then each is where it belongs
        assert (queue.due, queue.later, queue.blocked, queue.by_priority) == (1, 1, 2, {50: 3, 7: 1})

    async def test_they_are_found_by_their_status(self, store: Backend) -> None:
        await insert(store, *many(3, limits=(ONE,)))
        await claim(store)
        page = await store.find(Query(status=(Status.BLOCKED,)))
        assert sorted(job.id for job in page.jobs) == numbered(2, 3)

    async def test_limits_come_back_as_they_were(self, store: Backend) -> None:
        limits = (Limit(bucket="ü", concurrency=3), Limit(bucket="r", rate=60, period_ms=60_000, burst=10))
        await insert(store, limited(1, *limits))
        (job,) = await claim(store)
        assert job.spec.limits == limits

    async def test_nothing_is_left_of_limits_when_all_is_done(self, store: Backend) -> None:
        # Given jobs of several buckets that ran to their ends
        await insert(store, *many(6, limits=(TWO, Limit(bucket="r", rate=1000, burst=1000))))
        while jobs := await claim(store):
            await settle(store, *_ends(jobs))
        # Then the audit finds nothing
        assert await store.audit() == []


def _ends(jobs: list[Job]) -> list[Settle]:
    return [complete(job) for job in jobs]
