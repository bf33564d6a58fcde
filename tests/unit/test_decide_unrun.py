"""Jobs that must not run: their parents ended otherwise than they ask for, or they come too late."""

from __future__ import annotations

import pytest

from abaca.model import After, ErrorInfo, Job, NewJob, State, When
from abaca.policy.builtin import JOIN
from abaca.policy.decide import PARENTS_UNMET, Memo, _pack, decide, unfit
from abaca.policy.join import Tally, falls_short
from abaca.policy.outcome import Aborted, Crashed, Expired, LeaseLost, Outcome, ParentsUnmet, Released, Returned

SECOND = 1_000_000


def claimed(*, unmet: int = 0, epoch: int = 1, age: float = 0.0, expires_ms: int | None = None) -> Job:
    """A job that is claimed so many seconds after it was enqueued."""
    spec = NewJob(id="j", task="t", after=(After(ids=("a", "b")),), expires_ms=expires_ms)
    return Job(
        spec=spec,
        state=State.RUNNING,
        epoch=epoch,
        attempts=0,
        unmet=unmet,
        created_at=5 * SECOND,
        claimed_at=5 * SECOND + round(age * SECOND),
    )


def rand() -> float:
    return 0.5


def test_a_job_without_such_a_reason_may_run() -> None:
    assert unfit(claimed()) is None
    assert unfit(claimed(age=60, expires_ms=60_000)) is None


def test_an_unmet_parent_ends_the_job_as_cancelled_uncharged_and_says_so() -> None:
    # Given a claimed job one of whose parents ended wrongly
    job = claimed(unmet=1)
    # When it is judged
    why = unfit(job)
    assert isinstance(why, ParentsUnmet)
    to = decide(job, why, rand)
    # Then it is cancelled, not charged, kept like what is cancelled, and names what happened
    assert (to.target, to.attempts, to.keep_ms) == (State.CANCELLED, 0, 24 * 3_600_000)
    assert to.error is not None
    assert to.error.type == PARENTS_UNMET
    assert "1 of its 2 parents" in to.error.message


@pytest.mark.parametrize(
    ("age", "epoch", "expired"), [(60.0, 1, False), (60.001, 1, True), (3600.0, 2, False), (3600.0, 9, False)]
)
def test_a_job_expires_only_at_its_first_claim(age: float, epoch: int, expired: bool) -> None:
    job = claimed(age=age, epoch=epoch, expires_ms=60_000)
    assert (unfit(job) == Expired()) is expired


def test_an_expired_job_is_cancelled_uncharged_and_says_how_late_it_was() -> None:
    to = decide(claimed(age=90, expires_ms=60_000), Expired(), rand)
    assert (to.target, to.attempts) == (State.CANCELLED, 0)
    assert to.error is not None
    assert to.error.type == "abaca.JobExpired"
    assert "60 s" in to.error.message
    assert "90.0 s" in to.error.message


@pytest.mark.parametrize("outcome", [LeaseLost(), Crashed(signal=9, alone=True), Crashed(exit_code=1), Released()])
def test_a_lost_run_of_a_job_that_must_not_run_blames_nobody(outcome: Outcome) -> None:
    # Given a job with an unmet parent that was lost before, and its worker is gone again
    memo = _pack(Memo(quarantined=True))
    job = Job(spec=NewJob(id="j", task="t"), state=State.RUNNING, epoch=3, unmet=1, losses=2, memo=memo)
    # When somebody judges the run
    to = decide(job, outcome, rand)
    # Then it waits for the next claimer as it was
    assert (to.target, to.attempts, to.losses, to.memo, to.delay_ms) == (State.WAITING, 0, 2, memo, None)


def ended(state: State, *, error: str | None = None, when: When = When.COMPLETED) -> Job:
    info = None if error is None else ErrorInfo(type=error, message="why")
    return Job(spec=NewJob(id="m", task="t", after=(After(ids=("a",), when=when),)), state=state, error=info)


@pytest.mark.parametrize(
    ("member", "short"),
    [
        (ended(State.COMPLETED), False),
        (ended(State.FAILED), True),
        (ended(State.CANCELLED), True),
        (ended(State.CANCELLED, error=PARENTS_UNMET), True),
        (ended(State.CANCELLED, error=PARENTS_UNMET, when=When.FAILED), False),
        (ended(State.CANCELLED, when=When.FAILED), True),
        (ended(State.FAILED, error="x", when=When.FAILED), True),
    ],
)
def test_a_compensation_that_was_not_needed_is_no_failure(member: Job, short: bool) -> None:
    assert falls_short(member) is short


def test_a_join_completes_when_every_member_did() -> None:
    tally = Tally()
    tally.add([ended(State.COMPLETED)] * 3)
    assert tally.outcome() == Returned(result=b"null")
    assert Tally().outcome() == Returned(result=b"null")


def test_a_join_fails_for_good_and_names_the_first_member() -> None:
    tally = Tally()
    tally.add([ended(State.COMPLETED), None])
    tally.add([ended(State.FAILED, error="app.Oops")])
    outcome = tally.outcome()
    assert isinstance(outcome, Aborted)
    assert outcome.error.type == "abaca.MembersFailed"
    assert "2 of 3 members" in outcome.error.message
    assert "job m of task 't', which failed (app.Oops: why)" in outcome.error.message
    assert JOIN == "abaca.join"
