"""The log of a job: appended by its run, read from any place."""

from __future__ import annotations

import msgspec

from abaca.backend import MAX_BATCH, TRIMMED_LOG_CAP, Backend
from abaca.clock import ManualClock
from abaca.model import ErrorInfo, History, Job, Kind, NewUpdate, State, Verdict
from abaca.testing.conformance.making import (
    LEASE,
    back,
    claim_one,
    complete,
    fail,
    fetch,
    finish,
    insert,
    is_refused,
    job_id,
    make,
    settle,
    start,
)


def entry(job: Job, seq: int, kind: Kind = Kind.ITEM, data: bytes = b"null") -> NewUpdate:
    return NewUpdate(id=job.id, epoch=job.epoch, seq=seq, kind=kind, data=data)


class TestAppend:
    async def test_entries_are_stored_in_order(self, store: Backend, clock: ManualClock) -> None:
        # Given a running job
        job = await start(store, make(1))
        # When entries of several kinds are appended
        verdicts = await store.append(
            [entry(job, 1, Kind.LOG, b'"a"'), entry(job, 2, Kind.STEP, b'{"b":2}'), entry(job, 3, Kind.ITEM, b"[3]")]
        )
        # Then they are read as they came, with ids from 3, the time and the attempt
        history = await store.updates(job.id, 0, 100)
        assert verdicts == [Verdict.APPLIED] * 3
        assert [(e.id, e.kind, e.data) for e in history.entries] == [
            (3, Kind.LOG, b'"a"'),
            (4, Kind.STEP, b'{"b":2}'),
            (5, Kind.ITEM, b"[3]"),
        ]
        assert {(e.at, e.attempt) for e in history.entries} == {(clock.now(), 1)}

    async def test_the_job_comes_with_its_log(self, store: Backend) -> None:
        # Given a job with an entry
        job = await start(store, make(1))
        await store.append([entry(job, 1)])
        # When the log is read
        history = await store.updates(job.id, 0, 100)
        # Then the record is in the same answer
        assert history.job == await fetch(store, job.id)

    async def test_a_repeat_writes_nothing(self, store: Backend) -> None:
        # Given stored entries whose answer was lost
        job = await start(store, make(1))
        batch = [entry(job, 1), entry(job, 2)]
        await store.append(batch)
        # When they are sent again
        verdicts = await store.append(batch)
        # Then they applied and are there once
        assert verdicts == [Verdict.APPLIED] * 2
        assert len((await store.updates(job.id, 0, 100)).entries) == 2

    async def test_a_number_below_the_last_writes_nothing(self, store: Backend) -> None:
        # Given a last stored number of five
        job = await start(store, make(1))
        await store.append([entry(job, 5, data=b'"five"')])
        # When a lower and a higher one come
        verdicts = await store.append([entry(job, 4, data=b'"four"'), entry(job, 9, data=b'"nine"')])
        # Then only the higher one is stored; gaps are no matter
        values = [e.value for e in (await store.updates(job.id, 0, 100)).entries]
        assert (verdicts, values) == ([Verdict.APPLIED] * 2, ["five", "nine"])

    async def test_numbers_start_again_with_every_run(self, store: Backend) -> None:
        # Given a job that ran once, with an entry, and runs again
        first = await start(store, make(1))
        await store.append([entry(first, 7, data=b'"first"')])
        await settle(store, back(first))
        second = await claim_one(store)
        # When the second run appends its number one
        await store.append([entry(second, 1, data=b'"second"')])
        # Then it is stored, as of the second attempt
        entries = (await store.updates(first.id, 0, 100)).entries
        assert [(e.id, e.value, e.attempt) for e in entries] == [(3, "first", 1), (4, "second", 2)]

    async def test_only_the_present_run_may_append(self, store: Backend, clock: ManualClock) -> None:
        # Given a reclaimed, a waiting, an ended and an unknown job
        job = await start(store, make(1))
        clock.advance(60)
        await store.reclaim(1, LEASE)
        await insert(store, make(2))
        ended = await finish(store, make(3, priority=99))
        strays = [NewUpdate(id=job_id(n), epoch=1, seq=1, kind=Kind.ITEM) for n in (2, 404)]
        # When their old holders append
        verdicts = await store.append([entry(job, 1), entry(ended, 1), *strays])
        # Then all are stale, and no log was begun
        assert verdicts == [Verdict.STALE] * 4
        assert (await store.updates(job.id, 0, 100)).entries == []

    async def test_progress_is_also_on_the_record(self, store: Backend) -> None:
        # Given a running job
        job = await start(store, make(1))
        # When progress comes twice, with a log line after it
        await store.append([entry(job, 1, Kind.PROGRESS, b"[1,2]"), entry(job, 2, Kind.PROGRESS, b"[2,2]")])
        await store.append([entry(job, 3, Kind.LOG, b'"x"')])
        # Then the record has the last progress, also when the job has ended
        assert (await fetch(store, job.id)).progress == b"[2,2]"
        await settle(store, complete(job))
        assert (await fetch(store, job.id)).progress == b"[2,2]"

    async def test_appending_leaves_the_revision(self, store: Backend) -> None:
        # Given a running job
        job = await start(store, make(1))
        # When it reports
        await store.append([entry(job, 1, Kind.PROGRESS)])
        # Then the revision is as it was
        assert (await fetch(store, job.id)).revision == job.revision

    async def test_entries_of_several_jobs_go_in_one_call(self, store: Backend) -> None:
        # Given two running jobs
        one, two = await start(store, make(1)), await start(store, make(2))
        # When their entries are mixed in a call
        await store.append([entry(one, 1), entry(two, 1), entry(one, 2)])
        # Then each log has its own, counted on its own
        logs = [(await store.updates(job.id, 0, 100)).entries for job in (one, two)]
        assert [[e.id for e in log] for log in logs] == [[3, 4], [3]]

    async def test_a_batch_above_the_limit_is_refused_whole(self, store: Backend) -> None:
        # Given a running job
        job = await start(store, make(1))
        # When too many entries come at once
        refused = await is_refused(store.append([entry(job, n + 1) for n in range(MAX_BATCH + 1)]))
        # Then it is an error and nothing was stored
        assert refused
        assert (await store.updates(job.id, 0, 10)).entries == []


class TestRead:
    async def test_reading_goes_on_from_any_entry(self, store: Backend) -> None:
        # Given five entries
        job = await start(store, make(1))
        await store.append([entry(job, n) for n in range(1, 6)])
        # When they are read in pages of two
        pages = [await store.updates(job.id, after, 2) for after in (0, 4, 6, 7)]
        # Then each page goes on where the last one ended
        assert [[e.id for e in page.entries] for page in pages] == [[3, 4], [5, 6], [7], []]
        assert {page.dropped for page in pages} == {0}

    async def test_an_unknown_job_has_no_history(self, store: Backend) -> None:
        # Given an empty store
        # When the log of a job that it never saw is read
        history = await store.updates(job_id(404), 0, 10)
        # Then there is neither a job nor an entry
        assert history == History()

    async def test_each_failure_is_an_entry_of_its_attempt(self, store: Backend) -> None:
        # Given a job that fails, goes back and fails for good
        errors = [ErrorInfo(type="a.B", message=f"no {n}", traceback="tb", attempt=n) for n in (1, 2)]
        await settle(store, back(await start(store, make(1)), error=errors[0]))
        await settle(store, fail(await claim_one(store), error=errors[1]))
        # When the log is read
        history = await store.updates(job_id(1), 0, 100)
        # Then both errors are in it whole, and the record has the last
        assert [(e.id, e.kind, e.attempt) for e in history.entries] == [(3, Kind.ERROR, 1), (4, Kind.ERROR, 2)]
        assert [msgspec.json.decode(e.data, type=ErrorInfo) for e in history.entries] == errors
        assert history.job is not None
        assert (history.job.error, history.job.state) == (errors[1], State.FAILED)

    async def test_the_log_survives_the_end(self, store: Backend) -> None:
        # Given a job with an entry
        job = await start(store, make(1))
        await store.append([entry(job, 1, data=b'"kept"')])
        # When it completes
        await settle(store, complete(job))
        # Then the entry can still be read
        assert [e.value for e in (await store.updates(job.id, 0, 100)).entries] == ["kept"]


class TestTrim:
    async def test_progress_and_lines_are_trimmed_to_the_cap(self, store: Backend) -> None:
        # Given more trimmed entries than the cap, of both kinds, with items among them
        job = await start(store, make(1))
        extra = 50
        kinds = [Kind.ITEM] + [(Kind.PROGRESS, Kind.LOG)[n % 2] for n in range(TRIMMED_LOG_CAP + extra)] + [Kind.STEP]
        batch = [entry(job, n, kind, b"%d" % n) for n, kind in enumerate(kinds, 1)]
        await store.append(batch[:600])
        await store.append(batch[600:])
        # When the log is read from the start
        history = await store.updates(job.id, 0, 2000)
        # Then the oldest trimmed ones are missing and counted, and the others are all there
        values = [e.value for e in history.entries]
        assert values == [1, *range(2 + extra, len(kinds) + 1)]
        assert history.dropped == extra

    async def test_a_reader_hears_only_of_what_it_missed(self, store: Backend) -> None:
        # Given a log of which the first fifty entries are gone
        job = await start(store, make(1))
        lines = [entry(job, n, Kind.LOG, b"%d" % n) for n in range(1, TRIMMED_LOG_CAP + 51)]
        await store.append(lines[:1000])
        await store.append(lines[1000:])
        # When readers come from before, inside and behind the gap
        pages = [await store.updates(job.id, after, 10) for after in (0, 32, 52, 500)]
        # Then each is told how many it missed on its way to its first entry
        assert [(page.entries[0].id, page.dropped) for page in pages] == [(53, 50), (53, 20), (53, 0), (501, 0)]
