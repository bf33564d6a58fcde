"""Hints: subscribed before they are needed, late by no more than a moment."""

from __future__ import annotations

import asyncio

from abaca.backend import Backend, Watch
from abaca.clock import ManualClock
from abaca.model import Hint, Kind, NewUpdate, State, job_topic
from abaca.testing.conformance.making import (
    back,
    complete,
    insert,
    job_id,
    make,
    settle,
    start,
)

SOON = 5.0
"""Seconds after which a hint counts as lost."""


async def hear(watch: Watch, topic: str) -> Hint:
    """The next hint on a topic; others are let go."""
    async with asyncio.timeout(SOON):
        while True:
            hint = await watch.next(SOON)
            if hint is not None and hint.topic == topic:
                return hint


async def quiet(watch: Watch) -> None:
    """Take what is still on its way, until nothing comes any more."""
    async with asyncio.timeout(SOON):
        while await watch.next(0.05) is not None:
            pass


class TestWatch:
    async def test_the_end_of_a_job_is_heard(self, store: Backend) -> None:
        # Given a running job and its watcher
        job = await start(store, make(1))
        watch = await store.watch([job_topic(job.id)])
        # When it completes
        await settle(store, complete(job, result=b"42"))
        # Then a hint comes, and if it carries the record, that one has ended
        hint = await hear(watch, job_topic(job.id))
        await watch.close()
        assert hint.job is None or (hint.job.state, hint.job.result) == (State.COMPLETED, b"42")

    async def test_a_failed_attempt_is_heard(self, store: Backend) -> None:
        # Given a running job and its watcher
        job = await start(store, make(1))
        watch = await store.watch([job_topic(job.id)])
        # When the run fails and the job waits for its next attempt
        await settle(store, back(job, delay_ms=60_000, attempts=1))
        # Then a hint comes, and it is no end
        hint = await hear(watch, job_topic(job.id))
        await watch.close()
        assert hint.job is None

    async def test_what_happens_between_subscribing_and_waiting_is_heard(self, store: Backend) -> None:
        # Given many watchers who have not begun to wait
        jobs = [await start(store, make(n)) for n in range(1, 21)]
        watches = [await store.watch([job_topic(job.id)]) for job in jobs]
        # When all jobs end before anybody waits
        await settle(store, *(complete(job) for job in jobs))
        # Then nobody misses it
        heard = [await hear(watch, job_topic(job.id)) for watch, job in zip(watches, jobs, strict=True)]
        for watch in watches:
            await watch.close()
        assert len(heard) == len(jobs)

    async def test_a_cancel_flag_is_heard(self, store: Backend) -> None:
        # Given a running job whose watcher has heard all there was
        job = await start(store, make(1))
        watch = await store.watch([job_topic(job.id)])
        await quiet(watch)
        # When it is cancelled
        await store.cancel([job.id])
        # Then a hint comes
        await hear(watch, job_topic(job.id))
        await watch.close()

    async def test_the_end_of_a_waiting_job_is_heard(self, store: Backend) -> None:
        # Given a waiting job whose watcher has heard all there was
        await insert(store, make(1))
        watch = await store.watch([job_topic(job_id(1))])
        await quiet(watch)
        # When it is cancelled
        await store.cancel([job_id(1)])
        # Then a hint comes
        await hear(watch, job_topic(job_id(1)))
        await watch.close()

    async def test_an_entry_of_the_log_is_heard(self, store: Backend) -> None:
        # Given a running job whose watcher has heard all there was
        job = await start(store, make(1))
        watch = await store.watch([job_topic(job.id)])
        await quiet(watch)
        # When it reports
        await store.append([NewUpdate(id=job.id, epoch=job.epoch, seq=1, kind=Kind.PROGRESS)])
        # Then a hint comes
        await hear(watch, job_topic(job.id))
        await watch.close()

    async def test_one_watch_may_have_many_topics(self, store: Backend) -> None:
        # Given a watch of a hundred jobs
        jobs = [await start(store, make(n)) for n in range(1, 101)]
        watch = await store.watch([job_topic(job.id) for job in jobs])
        await quiet(watch)
        # When the last of them ends
        await settle(store, complete(jobs[-1]))
        # Then its hint comes
        await hear(watch, job_topic(jobs[-1].id))
        await watch.close()

    async def test_a_closed_watch_takes_nothing_from_another(self, store: Backend) -> None:
        # Given two watchers of a job of whom one has gone
        job = await start(store, make(1))
        gone, stays = await store.watch([job_topic(job.id)]), await store.watch([job_topic(job.id)])
        await gone.close()
        # When it ends
        await settle(store, complete(job))
        # Then the other hears it
        await hear(stays, job_topic(job.id))
        await stays.close()

    async def test_without_news_waiting_ends(self, store: Backend, clock: ManualClock) -> None:
        # Given a watch of a job that nobody knows
        watch = await store.watch([job_topic(job_id(404))])
        # When somebody waits for a moment, though no clock of the store moves
        await quiet(watch)
        # Then there was nothing
        assert await watch.next(0.01) is None
        await watch.close()
