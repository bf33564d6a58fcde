"""Many runs of one job: how often a handler can start, and how long a missing task is waited for."""

from __future__ import annotations

import random
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abaca.model import DAY_MS, MINUTE_MS, Delays, ErrorInfo, Job, NewJob, RetryRule, State
from abaca.policy.decide import decide, memo_of, quarantined
from abaca.policy.outcome import Crashed, LeaseLost, Outcome, Raised, Released, Returned, Snoozed, TaskMissing, TimedOut

OOPS = ErrorInfo(type="app.Oops", kinds=("app.Oops",))


def fresh(max_attempts: int = 4) -> Job:
    rule = RetryRule(max_attempts=max_attempts, backoff=Delays())
    return Job(spec=NewJob(id="j", task="t", retry=rule), state=State.RUNNING, epoch=1)


def next_run(job: Job, outcome: Outcome) -> Job:
    """The job as it is claimed again after this outcome, or as it has ended."""
    to = decide(job, outcome, random.random)
    state = State.RUNNING if to.target is State.WAITING else to.target
    return msgspec.structs.replace(
        job,
        state=state,
        epoch=job.epoch + 1,
        attempts=to.attempts,
        losses=to.losses,
        memo=to.memo,
        error=to.error or job.error,
    )


BAD_LUCK: tuple[Outcome, ...] = (
    Raised(error=OOPS),
    TimedOut(timeout_ms=1),
    LeaseLost(),
    Crashed(signal=11),
    Crashed(exit_code=1),
    Crashed(signal=9, alone=True),
    Crashed(signal=9, blameless=True),
    Snoozed(delay_ms=1),
    Released(),
)


@given(max_attempts=st.integers(1, 8), luck=st.lists(st.sampled_from(BAD_LUCK), max_size=60), seed=st.integers())
def test_starts_are_bounded(max_attempts: int, luck: list[Outcome], seed: int) -> None:
    # Given a job whose runs end in any way but well, and that runs alone while it is in quarantine
    job, starts, uncharged = fresh(max_attempts), 0, 0
    rng = random.Random(seed)
    given_back = (Snoozed, Released)
    # When it is run until it has ended
    while job.state is State.RUNNING:
        outcome = luck.pop() if luck else rng.choice(BAD_LUCK[:6])
        if quarantined(job) and isinstance(outcome, Crashed):
            outcome = Crashed(signal=11, alone=True)
        starts += 1
        uncharged += isinstance(outcome, given_back)
        job = next_run(job, outcome)
        # Then its handler starts no more often than its attempts, two losses, and what it gave back
        assert starts <= max_attempts + 2 + uncharged
    assert job.state is State.FAILED
    assert job.attempts == max_attempts


@pytest.mark.parametrize("outcome", [Crashed(signal=11), LeaseLost()])
def test_a_poison_job_convicts_itself(outcome: Outcome) -> None:
    # Given a job that kills whatever runs it, and a supervisor that tells or none
    job, starts = fresh(max_attempts=3), 0
    # When it is run until it has ended
    while job.state is State.RUNNING:
        job = next_run(job, outcome)
        starts += 1
    # Then it has failed, after its attempts and at most two losses
    assert (job.state, job.attempts) == (State.FAILED, 3)
    assert starts <= 5


def test_one_killed_worker_costs_no_attempt() -> None:
    # Given a job whose worker vanished once
    job = next_run(fresh(), LeaseLost())
    # When the next run returns
    job = next_run(job, Returned(result=b"1"))
    # Then one loss and one attempt are on the record
    assert (job.state, job.losses, job.attempts) == (State.COMPLETED, 1, 1)


def test_the_innocent_keep_their_attempts() -> None:
    # Given a job that sat twice beside another one that killed the process
    job = next_run(next_run(fresh(), Crashed(signal=11)), Released())
    # When its own runs, now alone, go well
    job = next_run(job, Returned(result=b"1"))
    # Then nothing was charged for the other
    assert (job.state, job.attempts) == (State.COMPLETED, 1)


@pytest.mark.parametrize("outcome", [Raised(error=OOPS), Snoozed(delay_ms=1), Released(), TaskMissing()])
def test_quarantine_outlives_a_run_that_ended_otherwise(outcome: Outcome) -> None:
    # Given a job in quarantine
    job = next_run(fresh(), Crashed(signal=11))
    # When its run there goes back for another reason
    job = next_run(job, outcome)
    # Then it stays in quarantine
    assert quarantined(job)


def missing_until_failed(job: Job) -> tuple[list[int], Job]:
    """The delays with which a job goes back while nobody knows its task, and the job at its end."""
    delays: list[int] = []
    while job.state is State.RUNNING:
        to = decide(job, TaskMissing(), random.random)
        if to.delay_ms is not None:
            delays.append(to.delay_ms)
        job = next_run(job, TaskMissing())
    return delays, job


def test_a_missing_task_is_waited_for_a_day() -> None:
    # Given a job whose task no worker knows
    # When every worker that claims it gives it back
    delays, job = missing_until_failed(fresh())
    # Then it fails uncharged after a day, to within one delay, and says why
    assert job.state is State.FAILED
    assert (job.attempts, job.losses) == (0, 0)
    assert DAY_MS <= sum(delays) < DAY_MS + 5 * MINUTE_MS
    assert job.error is not None
    assert "'t'" in job.error.message


def test_the_delay_for_a_missing_task_grows_to_five_minutes() -> None:
    # Given a job whose task no worker knows
    # When it goes back again and again
    delays, _ = missing_until_failed(fresh())
    # Then it is asked for often at first, and never less than every five minutes
    assert delays == sorted(delays)
    assert delays[:4] == [1000, 1000, 2000, 4000]
    assert Counter(delays)[5 * MINUTE_MS] > 200
    assert max(delays) == 5 * MINUTE_MS


def test_a_task_that_is_known_again_starts_a_new_day() -> None:
    # Given a job that was given back for hours, and then ran and failed
    job = fresh()
    for _ in range(100):
        job = next_run(job, TaskMissing())
    assert memo_of(job).missing_ms > 0
    job = next_run(job, Raised(error=OOPS))
    # When its task is missing once more
    to = decide(job, TaskMissing(), random.random)
    # Then the delays start again
    assert (memo_of(job).missing_ms, to.delay_ms) == (0, 1000)
