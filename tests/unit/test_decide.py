"""What an outcome means for a job: one table, and the cases around it."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from abaca.model import (
    DAY_MS,
    HOUR_MS,
    Delays,
    ErrorInfo,
    Exponential,
    Fixed,
    Job,
    Keep,
    NewJob,
    RetryRule,
    State,
    Transition,
)
from abaca.policy.decide import Memo, decide, memo_of, quarantined
from abaca.policy.outcome import (
    Aborted,
    Crashed,
    Damaged,
    LeaseLost,
    Outcome,
    Raised,
    Released,
    Returned,
    Snoozed,
    TaskMissing,
    TimedOut,
    WasCancelled,
)

OOPS = ErrorInfo(type="app.Oops", message="no", kinds=("app.Oops", "builtins.Exception"))
RULE = RetryRule(max_attempts=3, backoff=Fixed(delay=7))
QUARANTINE = msgspec.msgpack.encode(Memo(quarantined=True))
WAITING, COMPLETED, FAILED, CANCELLED = State.WAITING, State.COMPLETED, State.FAILED, State.CANCELLED


def running(attempts: int = 0, **fields: Any) -> Job:
    """A running job; ``rule`` and ``keep`` are its own, the rest are fields of ``Job``."""
    spec = NewJob(id="j", task="t", retry=fields.pop("rule", RULE), keep=fields.pop("keep", None))
    return Job(spec=spec, state=State.RUNNING, epoch=5, attempts=attempts, **fields)


def judged(job: Job, outcome: Outcome) -> Transition:
    return decide(job, outcome, lambda: 0.5)


BY_SIGNAL = Crashed(signal=11)
ALONE = Crashed(signal=9, alone=True)
FOR_ANOTHER = Crashed(signal=9, blameless=True)

# outcome, attempts before, quarantined | target, attempts after, losses after, delay_ms, quarantined after
TABLE: list[tuple[Outcome, int, bool, State, int, int, int | None, bool]] = [
    (Returned(result=b"1"), 0, False, COMPLETED, 1, 0, None, False),
    (Returned(result=b"1"), 2, True, COMPLETED, 3, 0, None, False),
    (Raised(error=OOPS), 0, False, WAITING, 1, 0, 7000, False),
    (Raised(error=OOPS), 1, False, WAITING, 2, 0, 7000, False),
    (Raised(error=OOPS), 2, False, FAILED, 3, 0, None, False),
    (Raised(error=OOPS), 9, False, FAILED, 10, 0, None, False),
    (Raised(error=OOPS), 0, True, WAITING, 1, 0, 7000, True),
    (TimedOut(timeout_ms=1500), 0, False, WAITING, 1, 0, 7000, False),
    (TimedOut(timeout_ms=1500), 2, False, FAILED, 3, 0, None, False),
    (TimedOut(timeout_ms=1500), 0, True, WAITING, 1, 0, 7000, True),
    (Aborted(error=OOPS), 0, False, FAILED, 1, 0, None, False),
    (Aborted(error=OOPS), 2, True, FAILED, 3, 0, None, False),
    (WasCancelled(), 0, False, CANCELLED, 1, 0, None, False),
    (WasCancelled(), 2, True, CANCELLED, 3, 0, None, False),
    (Snoozed(delay_ms=90), 0, False, WAITING, 0, 0, 90, False),
    (Snoozed(delay_ms=90), 2, True, WAITING, 2, 0, 90, True),
    (Released(), 0, False, WAITING, 0, 0, None, False),
    (Released(), 2, True, WAITING, 2, 0, None, True),
    (TaskMissing(), 0, False, WAITING, 0, 0, 1000, False),
    (TaskMissing(), 2, True, WAITING, 2, 0, 1000, True),
    (LeaseLost(), 0, False, WAITING, 0, 1, None, False),
    (LeaseLost(), 2, False, WAITING, 2, 1, None, False),
    (LeaseLost(), 0, True, WAITING, 0, 1, None, True),
    (LeaseLost(), 2, True, WAITING, 2, 1, None, True),
    (BY_SIGNAL, 0, False, WAITING, 0, 1, None, True),
    (Crashed(exit_code=1), 2, False, WAITING, 2, 1, None, True),
    (BY_SIGNAL, 1, True, WAITING, 2, 0, 7000, True),
    (BY_SIGNAL, 2, True, FAILED, 3, 0, None, False),
    (ALONE, 0, False, WAITING, 1, 0, 7000, False),
    (ALONE, 2, False, FAILED, 3, 0, None, False),
    (FOR_ANOTHER, 0, False, WAITING, 0, 1, None, False),
    (FOR_ANOTHER, 2, True, WAITING, 2, 1, None, True),
    (Damaged(reason="not a record"), 0, False, FAILED, 0, 0, None, False),
    (Damaged(reason="not a record"), 2, True, FAILED, 2, 0, None, False),
]


def _name(value: object) -> str:
    return repr(value) if not isinstance(value, State) else value.name


@pytest.mark.parametrize(
    ("outcome", "before", "held", "target", "after", "losses", "delay_ms", "kept"), TABLE, ids=_name
)
def test_outcomes_without_a_cancel_flag(
    outcome: Outcome,
    before: int,
    held: bool,
    target: State,
    after: int,
    losses: int,
    delay_ms: int | None,
    kept: bool,
) -> None:
    # Given a running job with so many attempts, in quarantine or not
    job = running(before, memo=QUARANTINE if held else b"")
    # When its run ends in this way
    to = judged(job, outcome)
    # Then it goes where the table says
    assert (to.target, to.attempts, to.losses, to.delay_ms) == (target, after, losses, delay_ms)
    assert quarantined(msgspec.structs.replace(job, memo=to.memo)) is kept


@pytest.mark.parametrize(
    ("outcome", "before", "held", "target", "after", "losses", "delay_ms", "kept"), TABLE, ids=_name
)
def test_outcomes_with_a_cancel_flag(
    outcome: Outcome,
    before: int,
    held: bool,
    target: State,
    after: int,
    losses: int,
    delay_ms: int | None,
    kept: bool,
) -> None:
    # Given the same job, flagged
    job = running(before, memo=QUARANTINE if held else b"", cancel=True)
    # When its run ends in the same way
    to = judged(job, outcome)
    # Then it never goes back: it is cancelled with the same counts, while an end stays what it is
    assert to.target is (CANCELLED if target is WAITING else target)
    assert (to.attempts, to.losses, to.delay_ms) == (after, losses, None)


@pytest.mark.parametrize(
    ("outcome", "keep_ms"),
    [(Returned(result=b"1"), HOUR_MS), (WasCancelled(), DAY_MS), (Aborted(error=OOPS), 7 * DAY_MS)],
)
def test_each_end_is_kept_for_its_own_time(outcome: Outcome, keep_ms: int) -> None:
    # Given a job without a keep of its own
    # When it ends
    # Then the default of that end counts
    assert judged(running(), outcome).keep_ms == keep_ms


@pytest.mark.parametrize(("outcome", "keep_ms"), [(Returned(result=b"1"), 1), (WasCancelled(), 2), (ALONE, 3)])
def test_a_job_may_say_how_long_it_is_kept(outcome: Outcome, keep_ms: int) -> None:
    # Given a job at its last attempt, with a keep of its own
    job = running(2, keep=Keep(completed_ms=1, cancelled_ms=2, failed_ms=3))
    # When it ends
    # Then that one counts
    assert judged(job, outcome).keep_ms == keep_ms


def test_a_keep_of_zero_stores_no_result() -> None:
    # Given a job that keeps nothing when it completes
    job = running(keep=Keep(completed_ms=0))
    # When it returns a value
    to = judged(job, Returned(result=b'"secret"'))
    # Then the value is not stored
    assert (to.result, to.keep_ms) == (None, 0)


def test_a_result_is_stored_as_it_is() -> None:
    # Given a running job
    # When it returns
    to = judged(running(losses=2), Returned(result=b'{"a":1}'))
    # Then the bytes are those of the result, and the losses stay on the record
    assert (to.result, to.losses, to.error) == (b'{"a":1}', 2, None)


@pytest.mark.parametrize("attempts", [0, 2])
def test_an_error_says_which_attempt_it_was(attempts: int) -> None:
    # Given a job at its first or last attempt
    # When it raises
    to = judged(running(attempts), Raised(error=OOPS))
    # Then the stored error names the attempt
    assert to.error == msgspec.structs.replace(OOPS, attempt=attempts + 1)


def test_an_error_that_the_rule_does_not_cover_fails_at_once() -> None:
    # Given a rule for another class
    job = running(rule=RetryRule(max_attempts=9, on=("builtins.OSError",)))
    # When the job raises
    # Then it has failed at its first attempt
    assert judged(job, Raised(error=OOPS)).target is FAILED


@pytest.mark.parametrize(
    "name", ["builtins.TimeoutError", "builtins.OSError", "builtins.Exception", "abaca.JobTimeout"]
)
def test_a_timeout_is_covered_as_a_timeout_error(name: str) -> None:
    # Given a rule that names a class of TimeoutError
    job = running(rule=RetryRule(max_attempts=9, on=(name,)))
    # When the run passes its deadline
    # Then it is tried again
    assert judged(job, TimedOut(timeout_ms=10)).target is WAITING


def test_a_timeout_that_the_rule_does_not_cover_fails() -> None:
    # Given a rule for another class
    job = running(rule=RetryRule(max_attempts=9, on=("builtins.ValueError",)))
    # When the run passes its deadline
    to = judged(job, TimedOut(timeout_ms=1500))
    # Then it has failed, and the error says after how long
    assert to.target is FAILED
    assert to.error is not None
    assert "1.5 s" in to.error.message


@pytest.mark.parametrize("outcome", [ALONE, LeaseLost()])
def test_a_charged_loss_is_retried_whatever_the_rule_names(outcome: Outcome) -> None:
    # Given a quarantined job that has been spared as often as a job can be, and whose rule names another class
    job = running(rule=RetryRule(max_attempts=3, on=("builtins.ValueError",)), memo=QUARANTINE, losses=2)
    # When its process dies or its lease is lost
    # Then it is tried again
    assert judged(job, outcome).target is WAITING


def test_a_second_loss_leads_to_quarantine() -> None:
    # Given a job that was lost once without blame
    job = running(losses=1)
    # When it is lost again
    to = judged(job, LeaseLost())
    # Then its next run is alone
    assert (to.losses, memo_of(msgspec.structs.replace(job, memo=to.memo)).quarantined) == (2, True)


@pytest.mark.parametrize("outcome", [LeaseLost(), FOR_ANOTHER])
@pytest.mark.parametrize(("losses", "charged"), [(0, False), (1, False), (2, True)])
def test_a_loss_that_proves_nothing_under_quarantine_is_spared_twice(
    outcome: Outcome, losses: int, charged: bool
) -> None:
    # Given a quarantined job with so many losses
    job = running(memo=QUARANTINE, losses=losses)
    # When its worker is gone, or its process was killed for another job's sake
    to = judged(job, outcome)
    # Then it is charged only once its losses are used up, and stays in quarantine
    assert (to.attempts, to.losses) == ((1, losses) if charged else (0, losses + 1))
    assert quarantined(msgspec.structs.replace(job, memo=to.memo))


@pytest.mark.parametrize(
    ("crash", "word"),
    [(ALONE, "SIGKILL"), (Crashed(signal=250, alone=True), "250"), (Crashed(exit_code=3, alone=True), "status 3")],
)
def test_a_crash_says_what_killed_the_process(crash: Crashed, word: str) -> None:
    # Given a job at its last attempt
    # When its process dies
    to = judged(running(2), crash)
    # Then the error names the signal or the status
    assert to.error is not None
    assert (to.error.type, word in to.error.message) == ("abaca.WorkerCrashed", True)


def test_a_damaged_record_says_why() -> None:
    # Given a record that cannot be read
    # When it is judged
    to = judged(running(1), Damaged(reason="the arguments are cut off"))
    # Then the reason is its error, and no attempt is charged
    assert to.error == ErrorInfo(type="abaca.RecordDamaged", message="the arguments are cut off", attempt=1)


def test_a_retry_without_delay_is_due_at_once() -> None:
    # Given a rule without a wait
    job = running(rule=RetryRule(backoff=Delays()))
    # When the run raises
    # Then it is due now, and not at its old place in line
    assert judged(job, Raised(error=OOPS)).delay_ms == 0


def test_a_job_without_a_rule_has_the_default_one() -> None:
    # Given no rule
    targets = [judged(running(attempts, rule=None), Raised(error=OOPS)).target for attempts in range(4)]
    # When four runs fail
    # Then the fourth is the last
    assert targets == [WAITING, WAITING, WAITING, FAILED]


def test_a_wait_without_end_is_cut_to_a_year() -> None:
    # Given a back-off whose cap is no cap
    job = running(2000, rule=RetryRule(max_attempts=9999, backoff=Exponential(cap=math.inf)))
    # When it fails often enough to wait for longer than there are dates
    to = judged(job, Raised(error=OOPS))
    # Then it is due within a year and a day
    assert to.delay_ms == 366 * DAY_MS
