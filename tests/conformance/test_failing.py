"""The store that fails on demand: what is lost, and what has happened nevertheless."""

from __future__ import annotations

import pytest

from abaca.backend import Backend
from abaca.backends.memory import MemoryBackend
from abaca.errors import BackendUnavailable
from abaca.model import Inserted, Verdict
from abaca.testing import FailingBackend, ManualClock
from abaca.testing.conformance import *  # noqa: F403
from abaca.testing.conformance.making import complete, insert, job_id, make, settle, start

pytestmark = pytest.mark.no_cover  # the suite as `test_memory` runs it, and a wrapper that many other tests use


@pytest.fixture
async def store(clock: ManualClock) -> Backend:
    """With nothing to lose it must be as good a store as the one inside."""
    return FailingBackend(MemoryBackend(clock))


@pytest.fixture
async def live_store() -> Backend:
    return FailingBackend(MemoryBackend())


@pytest.fixture
def failing(clock: ManualClock) -> FailingBackend:
    return FailingBackend(MemoryBackend(clock))


async def test_a_lost_request_never_happened(failing: FailingBackend) -> None:
    # Given a store that loses the next insert on its way there
    failing.lose("request", "insert")
    # When a job is inserted
    with pytest.raises(BackendUnavailable, match="insert"):
        await insert(failing, make(1))
    # Then it is not stored, and the same call again inserts it
    assert await failing.get([job_id(1)]) == [None]
    assert await insert(failing, make(1)) == [Inserted.INSERTED]


async def test_a_lost_reply_hides_what_happened(failing: FailingBackend) -> None:
    # Given a store that loses the answer to the next insert
    failing.lose("reply", "insert")
    # When a job is inserted
    with pytest.raises(BackendUnavailable):
        await insert(failing, make(1))
    # Then it is stored, and the same call again says so
    assert await insert(failing, make(1)) == [Inserted.KNOWN]


async def test_only_the_named_verb_is_lost(failing: FailingBackend) -> None:
    # Given a store that loses settles twice
    job = await start(failing, make(1))
    failing.lose("reply", "exchange", times=2)
    # When other verbs are called, and then the settle three times
    await failing.get([job.id])
    for _ in range(2):
        with pytest.raises(BackendUnavailable):
            await settle(failing, complete(job))
    # Then the third is answered, and every call was counted
    assert await settle(failing, complete(job)) == [Verdict.APPLIED]
    assert (failing.calls["exchange"], failing.pending) == (4, 0)


async def test_a_store_that_is_away_loses_everything_until_it_is_back(failing: FailingBackend) -> None:
    # Given a store that is away
    failing.away = True
    with pytest.raises(BackendUnavailable):
        await failing.stats()
    with pytest.raises(BackendUnavailable):
        await failing.watch(["job:x"])
    # When it is back
    failing.away = False
    # Then it answers
    assert (await failing.stats()).running == 0


def test_a_verb_that_does_not_exist_is_refused(failing: FailingBackend) -> None:
    # Given a test with a slip of the pen
    # When it asks to lose that verb
    # Then it is told at once
    with pytest.raises(ValueError, match="isnert"):
        failing.lose("request", "isnert")
