"""Searches for people, and counts."""

from __future__ import annotations

from typing import Any

import msgspec

from abaca.backend import Backend
from abaca.clock import ManualClock
from abaca.model import Job, Query, QueueStats, Status
from abaca.testing.conformance.making import (
    SECOND,
    back,
    claim,
    fail,
    finish,
    ids,
    insert,
    job_id,
    make,
    many,
    numbered,
    settle,
    start,
)


async def find_all(store: Backend, query: Query) -> list[Job]:
    """Every page of a search, in the order in which they came."""
    found: list[Job] = []
    for _ in range(10_000):
        page = await store.find(query)
        assert len(page.jobs) <= query.limit
        found += page.jobs
        if page.cursor is None:
            return found
        query = msgspec.structs.replace(query, cursor=page.cursor)
    raise AssertionError("the search never came to its end")


async def found(store: Backend, **fields: Any) -> list[str]:
    """The ids that a query finds, sorted."""
    return sorted(ids(await find_all(store, Query(**fields))))


async def one_of_each(store: Backend, clock: ManualClock) -> None:
    """Jobs 1 to 7 in every status that people see: scheduled, queued, running, retrying and the three ends."""
    await settle(store, back(await start(store, make(4)), delay_ms=60_000))
    await finish(store, make(5))
    await settle(store, fail(await start(store, make(6))))
    await insert(store, make(7))
    await store.cancel([job_id(7)])
    await start(store, make(3))
    await insert(store, make(1, delay_ms=60_000), make(2))


class TestFind:
    async def test_without_a_filter_every_job_is_found_once(self, store: Backend, clock: ManualClock) -> None:
        # Given a job in every status
        await one_of_each(store, clock)
        # When all are asked for
        jobs = await found(store)
        # Then each is there once
        assert jobs == numbered(1, 2, 3, 4, 5, 6, 7)

    async def test_each_status_finds_its_own(self, store: Backend, clock: ManualClock) -> None:
        # Given a job in every status
        await one_of_each(store, clock)
        # When each status is asked for
        order = ("scheduled", "queued", "running", "retrying", "completed", "failed", "cancelled")
        jobs = [await found(store, status=(Status(name),)) for name in order]
        # Then each finds its one job
        assert jobs == [numbered(n) for n in range(1, 8)]

    async def test_several_statuses_find_the_union(self, store: Backend, clock: ManualClock) -> None:
        # Given a job in every status
        await one_of_each(store, clock)
        # When three are asked for
        jobs = await found(store, status=(Status.QUEUED, Status.FAILED, Status.RUNNING))
        # Then all of them are found
        assert jobs == numbered(2, 3, 6)

    async def test_time_alone_moves_a_job_to_another_status(self, store: Backend, clock: ManualClock) -> None:
        # Given a job that was scheduled
        await insert(store, make(1, delay_ms=1000))
        # When it is due
        clock.advance(1)
        # Then it is found as queued
        assert await found(store, status=(Status.QUEUED,)) == numbered(1)
        assert await found(store, status=(Status.SCHEDULED,)) == []

    async def test_each_field_narrows(self, store: Backend) -> None:
        # Given a job with every field, running, and another with other values
        fields = {"queue": "q", "task": "t", "owner": "o", "tenant": "n", "key": "k", "parent": job_id(9)}
        await insert(store, make(1, tags=("a", "b"), **fields), make(2, tags=("c",), owner="p", tenant="m", key="l"))
        await claim(store, "q")
        # When each field is asked for on its own
        results = {name: await found(store, **{name: value}) for name, value in (fields | {"tag": "b"}).items()}
        # Then only the first is found
        assert results == {name: numbered(1) for name in results}

    async def test_fields_narrow_together(self, store: Backend) -> None:
        # Given jobs that share some values
        await insert(store, make(1, owner="o", queue="a"), make(2, owner="o", queue="b"), make(3, owner="p", queue="b"))
        # When two fields are asked for
        jobs = await found(store, owner="o", queue="b")
        # Then both must fit
        assert jobs == numbered(2)

    async def test_text_looks_in_id_name_and_arguments(self, store: Backend) -> None:
        # Given jobs that hold a word in different places
        await insert(
            store,
            make(1, task="needle.thread"),
            make(2, args=b'{"x":"a needle"}'),
            make(3, args=b'{"x":"hay"}'),
        )
        # When the word and an id are looked for
        jobs = await found(store, text="needle"), await found(store, text=job_id(3))
        # Then each is found where it is
        assert jobs == (numbered(1, 2), numbered(3))

    async def test_text_is_taken_as_it_is(self, store: Backend) -> None:
        # Given text with every sign that a pattern could mean
        await insert(store, make(1, args=b'"50%_*[a]?"'), make(2, args=b'"50x"'))
        # When such text is looked for
        jobs = [await found(store, text=text) for text in ("50%", "0%_*", "[a]?")]
        # Then the signs mean themselves
        assert jobs == [numbered(1)] * 3

    async def test_times_of_creation_are_bounds_outside(self, store: Backend, clock: ManualClock) -> None:
        # Given three jobs a second apart
        times = []
        for number in (1, 2, 3):
            times.append(clock.now())
            await insert(store, make(number))
            clock.advance(1)
        # When those between the first and the third are asked for
        jobs = await found(store, created_after=times[0], created_before=times[2])
        # Then neither bound is part of it
        assert jobs == numbered(2)


class TestPages:
    async def test_pages_neither_repeat_nor_miss(self, store: Backend, clock: ManualClock) -> None:
        # Given a hundred jobs of one instant in all states, queues and priorities
        await insert(store, *(make(n, queue="ab"[n % 2], priority=n % 3, delay_ms=n % 5) for n in range(1, 101)))
        clock.advance(1)
        held = await claim(store, "a", "b", slots=60)
        await settle(store, *(fail(job, keep_ms=1_000_000) for job in held[:30]))
        # When they are read seven at a time
        jobs = ids(await find_all(store, Query(limit=7)))
        # Then each comes once
        assert sorted(jobs) == numbered(*range(1, 101))

    async def test_a_filter_holds_on_every_page(self, store: Backend) -> None:
        # Given every third job with a tag
        await insert(store, *(make(n, tags=("t",) if n % 3 == 0 else ()) for n in range(1, 61)))
        # When the tag is read four at a time
        jobs = ids(await find_all(store, Query(tag="t", limit=4)))
        # Then only those come, each once
        assert sorted(jobs) == numbered(*range(3, 61, 3))

    async def test_jobs_that_stay_are_not_missed_when_others_move(self, store: Backend) -> None:
        # Given fifty waiting jobs of which ten were read
        await store.insert(many(50))
        first = await store.find(Query(limit=10))
        # When new ones come and the search goes on
        await store.insert(many(20, first=101))
        rest = await find_all(store, Query(limit=10, cursor=first.cursor))
        # Then every old one was read once
        seen = ids(first.jobs) + ids(rest)
        assert len(seen) == len(set(seen))
        assert set(numbered(*range(1, 51))) <= set(seen)


class TestStats:
    async def test_an_empty_store_counts_nothing(self, store: Backend, clock: ManualClock) -> None:
        # Given an empty store
        # When it counts
        stats = await store.stats()
        # Then all is zero
        assert (stats.queues, stats.running, stats.workers, stats.seen_at) == ([], 0, [], clock.now())
        assert stats.totals == {"completed": 0, "failed": 0, "cancelled": 0}

    async def test_counts_are_those_of_the_jobs(self, store: Backend, clock: ManualClock) -> None:
        # Given a job in every status
        await one_of_each(store, clock)
        # When the store counts
        stats = await store.stats()
        # Then the counts are right
        (queue,) = stats.queues
        assert queue == QueueStats(name="default", due=1, later=2, by_priority={50: 3}, oldest_due_at=clock.now())
        assert (stats.running, stats.totals) == (1, {"completed": 1, "failed": 1, "cancelled": 1})

    async def test_queues_are_counted_apart(self, store: Backend, clock: ManualClock) -> None:
        # Given jobs of two queues, with lanes and priorities
        await insert(store, make(1, queue="a", priority=1, lane="x"), make(2, queue="a", priority=1, lane="y"))
        clock.advance(1)
        await insert(store, make(3, queue="a", priority=9), make(4, queue="b", priority=9, delay_ms=5000))
        # When the store counts
        stats = await store.stats()
        # Then each queue has its own counts, by name, and the age of its oldest
        early = clock.now() - SECOND
        assert sorted(stats.queues, key=lambda queue: queue.name) == [
            QueueStats(name="a", due=3, later=0, by_priority={9: 1, 1: 2}, oldest_due_at=early),
            QueueStats(name="b", due=0, later=1, by_priority={9: 1}, oldest_due_at=None),
        ]

    async def test_a_queue_without_waiting_jobs_is_not_listed_as_waiting(self, store: Backend) -> None:
        # Given a queue whose jobs have all been claimed, moved or deleted
        await store.insert(many(3, queue="a"))
        await claim(store, "a")
        # When the store counts
        stats = await store.stats()
        # Then nothing waits there
        assert sum(queue.due + queue.later for queue in stats.queues) == 0
        assert stats.running == 3
