"""What a runner concludes from its supervisor's words, and from its silence."""

from __future__ import annotations

import time

import msgspec
import pytest

from abaca.model import Job, State
from abaca.worker.guard import Guard
from abaca.worker.runs import Run, RunKey, StopReason
from tests.worker.harness import Stage

LEASE_MS = 10_000


class Ward:
    """A guard over runs that do nothing, and what it ordered."""

    def __init__(self) -> None:
        self.born = time.monotonic()
        self.runs: dict[RunKey, Run] = {}
        self.stopped: list[RunKey] = []
        self.suspended: list[bool] = []
        self.guard = Guard(LEASE_MS, runs=self.runs, stop=self._stop, suspend=self.suspended.append)

    def _stop(self, key: RunKey, reason: StopReason) -> None:
        self.runs[key].stop_reason = reason
        self.stopped.append(key)

    def run(self, after: float = 0.0, lease_ms: int | None = None) -> RunKey:
        """A run that began so many seconds after this object was made."""
        spec = msgspec.structs.replace(Stage().job("any", lease_ms=lease_ms))
        run = Run(Job(spec=spec, state=State.RUNNING, epoch=1), self.born + after)
        self.runs[run.key] = run
        return run.key

    def look(self, *after: float) -> None:
        for seconds in after:
            self.guard.look(self.born + seconds)


@pytest.fixture
async def ward() -> Ward:
    return Ward()


async def test_a_beat_that_failed_stops_claims_and_one_that_went_well_allows_them(ward: Ward) -> None:
    # Given / When: word of a failure, and then of a success
    ward.guard.beaten(None)
    ward.guard.beaten(ward.born + 1)

    # Then: claims stop and go on, and no run is stopped
    assert ward.suspended == [True, False]
    assert ward.stopped == []


async def test_silence_stops_claims_first_and_runs_before_their_lease_ends(ward: Ward) -> None:
    # Given: a run, and a supervisor that says nothing
    key = ward.run()

    # When: two thirds of a lease have passed, and then nearly all of it
    ward.look(6.8, 6.9)
    early = (list(ward.suspended), list(ward.stopped))
    ward.look(8.1, 8.2)

    # Then: first the claims stop, then the run, once
    assert early == ([True], [])
    assert ward.stopped == [key]
    assert ward.runs[key].stop_reason is StopReason.LOST


async def test_silence_that_is_seen_once_counts_for_nothing(ward: Ward) -> None:
    # Given: a process that stood still, and whose good news lies unread
    ward.run()

    # When: it looks once, and then reads
    ward.look(60)
    ward.guard.beaten(ward.born + 59.9)
    ward.look(60.2, 60.4)

    # Then: nothing was stopped
    assert (ward.suspended, ward.stopped) == ([False], [])


async def test_a_run_that_began_late_is_trusted_for_its_own_lease(ward: Ward) -> None:
    # Given: an old run, one that began just now, and one with a short lease of its own
    old, fresh, short = ward.run(), ward.run(after=7), ward.run(after=7, lease_ms=1000)

    # When: the old one's lease is nearly over
    ward.look(8.4, 8.5)

    # Then: the fresh one goes on, the others end
    assert set(ward.stopped) == {old, short}
    assert ward.runs[fresh].stop_reason is None
