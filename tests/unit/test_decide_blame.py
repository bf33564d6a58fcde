"""Blame over the life of a job: random histories of a small world, judged once more by a simpler book-keeper."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from abaca.model import Delays, ErrorInfo, Job, NewJob, RetryRule, State
from abaca.policy.decide import decide, quarantined
from abaca.policy.outcome import (
    Crashed,
    LeaseLost,
    Outcome,
    Raised,
    Released,
    Returned,
    Snoozed,
    TaskMissing,
    TimedOut,
)

OOPS = ErrorInfo(type="app.Oops", kinds=("app.Oops",))


class Fate(Enum):
    """What happens to one claim of the job. The comment says whether its handler had started."""

    RAISES = "it raises"  # started
    TIMES_OUT = "it is killed at its own deadline"  # started
    SNOOZES = "it asks for later"  # started
    DRAINS = "its worker drains and interrupts it"  # started
    CRASHES_ALONE = "its process dies while nothing else has started there"  # started
    CRASHES_AMONG_OTHERS = "its process dies; under quarantine there is nothing else in it"  # started
    KILLED_FOR_ANOTHER = "its process is killed for another job's sake"  # started
    WORKER_VANISHES = "supervisor and all, in mid-run"  # started
    CLAIM_REPLY_LOST = "nobody ever knew of the claim"  # not started
    REAPER_DIES = "whoever had taken over its lease"  # not started
    PUT_OFF = "no quarantine process was free"  # not started
    RUNNER_DIES_BEFORE = "its runner dies before it had a process"  # not started
    TASK_MISSING = "the worker does not know it"  # not started
    RETURNS = "it returns"  # started


NOT_STARTED = {Fate.CLAIM_REPLY_LOST, Fate.REAPER_DIES, Fate.PUT_OFF, Fate.RUNNER_DIES_BEFORE, Fate.TASK_MISSING}
UNCHARGED_BY_WISH = {Fate.SNOOZES, Fate.DRAINS}
CERTAIN = {Fate.RAISES, Fate.TIMES_OUT, Fate.CRASHES_ALONE, Fate.RETURNS}
"""The fates that are the job's own doing, wherever it runs."""


def told(fate: Fate, alone: bool) -> Outcome:
    """What supervisor, runner or reaper say of it."""
    match fate:
        case Fate.RAISES:
            return Raised(error=OOPS)
        case Fate.TIMES_OUT:
            return TimedOut(timeout_ms=1)
        case Fate.SNOOZES | Fate.PUT_OFF:
            return Snoozed(delay_ms=1)
        case Fate.DRAINS | Fate.RUNNER_DIES_BEFORE:
            return Released()
        case Fate.CRASHES_ALONE:
            return Crashed(signal=11, alone=True)
        case Fate.CRASHES_AMONG_OTHERS:
            return Crashed(exit_code=0, alone=alone)
        case Fate.KILLED_FOR_ANOTHER:
            return Crashed(signal=9, blameless=True)
        case Fate.WORKER_VANISHES | Fate.CLAIM_REPLY_LOST | Fate.REAPER_DIES:
            return LeaseLost()
        case Fate.TASK_MISSING:
            return TaskMissing()
        case Fate.RETURNS:
            return Returned(result=b"1")


@dataclass
class Books:
    """The rule in three lines: what is surely its own doing is charged, two losses are free, then everything is."""

    starts: int = 0
    wished: int = 0
    charges: int = 0
    losses: int = 0
    alone: bool = False

    def enter(self, fate: Fate) -> None:
        self.starts += fate not in NOT_STARTED
        self.wished += fate in UNCHARGED_BY_WISH
        if fate in UNCHARGED_BY_WISH or fate in {Fate.PUT_OFF, Fate.RUNNER_DIES_BEFORE, Fate.TASK_MISSING}:
            return
        if fate in CERTAIN or (self.alone and (fate is Fate.CRASHES_AMONG_OTHERS or self.losses == 2)):
            self.charges += 1
            return
        self.losses += 1
        self.alone = self.alone or fate is Fate.CRASHES_AMONG_OTHERS or self.losses == 2


def live(fates: list[Fate], max_attempts: int) -> tuple[Job, Books]:
    """Claim after claim until the job has ended or the fates are used up, checked at each step."""
    rule = RetryRule(max_attempts=max_attempts, backoff=Delays())
    job = Job(spec=NewJob(id="j", task="t", retry=rule), state=State.RUNNING, epoch=1)
    books = Books()
    for fate in fates:
        assert quarantined(job) is books.alone
        to = decide(job, told(fate, books.alone), lambda: 0.5)
        books.enter(fate)
        assert (to.attempts, to.losses) == (books.charges, books.losses)
        assert books.losses <= 2
        assert books.starts <= max_attempts + 2 + books.wished
        job = msgspec.structs.replace(
            job,
            state=State.RUNNING if to.target is State.WAITING else to.target,
            epoch=job.epoch + 1,
            attempts=to.attempts,
            losses=to.losses,
            memo=to.memo,
            error=to.error or job.error,
        )
        if job.state.ended:
            break
    return job, books


@settings(max_examples=400)
@given(max_attempts=st.integers(1, 6), fates=st.lists(st.sampled_from(list(Fate)), max_size=80))
@example(max_attempts=1, fates=[Fate.CRASHES_AMONG_OTHERS, Fate.KILLED_FOR_ANOTHER, Fate.KILLED_FOR_ANOTHER])
@example(max_attempts=2, fates=[Fate.CRASHES_AMONG_OTHERS, *[Fate.WORKER_VANISHES] * 5])
@example(max_attempts=4, fates=[Fate.KILLED_FOR_ANOTHER] * 20)
def test_charges_losses_and_starts_are_what_a_second_book_keeper_says(max_attempts: int, fates: list[Fate]) -> None:
    # Given any history, the worst interleavings among them
    # When the job lives through it (each step is checked on the way)
    job, books = live(fates, max_attempts)
    # Then it ended for one of two reasons, or goes on with attempts left
    assert job.state in (State.RUNNING, State.COMPLETED, State.FAILED)
    if job.state is State.FAILED:
        assert books.charges == max_attempts
    if job.state is State.RUNNING:
        assert books.charges < max_attempts


HARMFUL = [
    Fate.CRASHES_ALONE,
    Fate.CRASHES_AMONG_OTHERS,
    Fate.KILLED_FOR_ANOTHER,
    Fate.WORKER_VANISHES,
    Fate.CLAIM_REPLY_LOST,
    Fate.REAPER_DIES,
]


@given(max_attempts=st.integers(1, 6), fates=st.lists(st.sampled_from(HARMFUL), min_size=8, max_size=40))
def test_a_job_that_is_lost_again_and_again_comes_to_its_end(max_attempts: int, fates: list[Fate]) -> None:
    # Given nothing but losses, so many that a job with that budget must have ended
    # When it lives through them
    job, books = live(fates, max_attempts)
    # Then it failed after its own attempts and at most two losses
    assert job.state is State.FAILED
    assert books.charges + books.losses <= max_attempts + 2


@given(st.permutations([Fate.CRASHES_AMONG_OTHERS, Fate.WORKER_VANISHES]), st.integers(1, 6))
def test_an_innocent_that_was_hit_twice_keeps_every_attempt(fates: list[Fate], max_attempts: int) -> None:
    # Given a job that stood beside a pill, and whose next worker was killed, in either order
    # When its own run returns, however small its budget
    job, _ = live([*fates, Fate.RETURNS], max_attempts)
    # Then it completed at its first attempt
    assert (job.state, job.attempts, job.losses) == (State.COMPLETED, 1, 2)
