"""A record that cannot be read is handed out as damaged; the store and its callers go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from abaca.backends.sqlite.settings import parse_url
from abaca.backends.sqlite.store import SqliteBackend
from abaca.model import Amended, Cancelled, Change, ErrorInfo, Inserted, Query, Settle, State, Transition, Verdict
from tests.integration.sqlite_help import LEASE, by_hand, claim, job_id, make, opened, want

pytestmark = pytest.mark.damages

DAMAGE = {
    "options are no JSON": "options = '{garbage'",
    "options have a wrong type": """options = '{"tags": 7}'""",
    "the error is no JSON": "error = 'oops'",
    "the arguments are a number": "args = 7",
    "the task's name is no text": "task = CAST(x'ff00fe' AS TEXT)",
    "a tag is no text": "options = CAST(x'7b2274616773223a5b22ff225d7d' AS TEXT)",
}


async def spoiled(store: SqliteBackend, path: Path, damage: str) -> None:
    """Three jobs, the second of which is damaged."""
    await store.insert([make(number) for number in (1, 2, 3)])
    by_hand(path, f"UPDATE jobs SET {damage} WHERE id = x'{job_id(2)}'")


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
async def test_a_damaged_record_is_claimed_in_its_turn_and_can_be_failed(sqlite_url: str, damage: str) -> None:
    # Given three jobs, one damaged
    async with opened(sqlite_url) as store:
        await spoiled(store, parse_url(sqlite_url).path, damage)
        # When all are claimed
        jobs = await claim(store)
        # Then the damaged one comes in its turn, marked, at the epoch that settles it
        assert [(job.id, job.damage is None, job.epoch) for job in jobs] == [
            (job_id(1), True, 1),
            (job_id(2), False, 1),
            (job_id(3), True, 1),
        ]
        error = ErrorInfo(type="abaca.RecordDamaged", message=jobs[1].damage or "")
        fails = Settle(id=job_id(2), epoch=1, to=Transition(target=State.FAILED, attempts=0, error=error, keep_ms=1))
        answer = await store.exchange([fails], want(), LEASE)
        assert answer.verdicts == [Verdict.APPLIED]


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
async def test_a_damaged_record_does_not_hide_the_others(sqlite_url: str, damage: str) -> None:
    # Given three jobs, one damaged
    async with opened(sqlite_url) as store:
        await spoiled(store, parse_url(sqlite_url).path, damage)
        # When people look
        jobs = await store.get([job_id(1), job_id(2), job_id(3)])
        page = await store.find(Query())
        history = await store.updates(job_id(2), 0, 10)
        # Then all are listed, and the damaged one says so
        assert [job is not None and job.damage is None for job in jobs] == [True, False, True]
        assert [job.id for job in page.jobs] == [job_id(3), job_id(2), job_id(1)]
        assert history.job is not None
        assert history.job.damage is not None


async def test_a_damaged_record_can_be_cancelled_deleted_and_purged(sqlite_url: str) -> None:
    # Given damaged jobs that wait
    async with opened(sqlite_url) as store:
        await spoiled(store, parse_url(sqlite_url).path, DAMAGE["options are no JSON"])
        # When it is cancelled, then it ends under the default keep
        assert await store.cancel([job_id(2)]) == [Cancelled.ENDED]
        (job,) = await store.get([job_id(2)])
        assert job is not None
        assert (job.state, job.damage is None) == (State.CANCELLED, False)
        # And its tombstone is sound
        by_hand(parse_url(sqlite_url).path, "UPDATE jobs SET leaves_at = 0 WHERE state = 4")
        assert await store.purge(10) == 1
        (job,) = await store.get([job_id(2)])
        assert job is not None
        assert (job.purged, job.damage) == (True, None)


async def test_an_amendment_does_not_write_over_what_it_cannot_read(sqlite_url: str) -> None:
    # Given a damaged job
    async with opened(sqlite_url) as store:
        path = parse_url(sqlite_url).path
        await spoiled(store, path, DAMAGE["options are no JSON"])
        # When it is amended, then the store answers that it does not fit, and keeps the record as it is
        assert await store.amend([Change(id=job_id(2), priority=1)]) == [Amended.STALE]
        assert by_hand(path, f"SELECT options FROM jobs WHERE id = x'{job_id(2)}'") == [("{garbage",)]
        # And it can still be deleted
        assert await store.amend([Change(id=job_id(2), delete=True)]) == [Amended.APPLIED]
        assert await store.get([job_id(2)]) == [None]


async def test_a_damaged_holder_still_holds_its_key(sqlite_url: str) -> None:
    # Given a damaged job that holds a key
    async with opened(sqlite_url) as store:
        await store.insert([make(1, key="k")])
        by_hand(parse_url(sqlite_url).path, "UPDATE jobs SET options = '{garbage'")
        # When another wants the key, then it is told the holder
        (receipt,) = await store.insert([make(2, key="k")])
        assert (receipt.outcome, receipt.id) == (Inserted.HELD, job_id(1))
