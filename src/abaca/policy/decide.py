"""The one place that knows what an outcome means for a job: attempts, back-off, blame, cancel, retention."""

from __future__ import annotations

import signal as signals
from collections.abc import Callable

import msgspec

from abaca.model import DAY_MS, NO_POLICIES, ErrorInfo, Job, Keep, Policies, State, Transition, Value
from abaca.policy.followups import Plain, follow_ups
from abaca.policy.outcome import (
    Aborted,
    Crashed,
    Damaged,
    Expired,
    LeaseLost,
    Outcome,
    ParentsUnmet,
    Raised,
    Released,
    Returned,
    Snoozed,
    TaskMissing,
    TimedOut,
    Unstored,
    WasCancelled,
)
from abaca.policy.retention import NO_RETENTION, keep_of
from abaca.policy.retry import DEFAULT_RULE, backoff_seconds, retries

QUARANTINE_AFTER_LOSSES = 2
PARENTS_UNMET = "abaca.ParentsUnmet"
"""The type of the error with which a job is cancelled because of its parents."""
MAX_LOSSES = 2
"""A run that vanished with nobody to blame is spared so often in the life of a job; from then on each is charged."""
DEFAULT_KEEP = Keep()
LONGEST_BACKOFF_SECONDS = 366 * 86_400.0
TASK_MISSING_FIRST_MS = 1_000
TASK_MISSING_CAP_MS = 5 * 60_000
TASK_MISSING_LIMIT_MS = DAY_MS


class Memo(Value, frozen=True, kw_only=True):
    """What the policy remembers of a job between runs. The store keeps it without reading it.

    ``waits`` names the events that the job waits for: whoever sends one may make it due.
    """

    quarantined: bool = False
    missing_ms: int = 0
    waits: tuple[str, ...] = ()


_encode_memo = msgspec.msgpack.Encoder().encode
_decode_memo = msgspec.msgpack.Decoder(Memo).decode
_BLANK = Memo()


def memo_of(job: Job) -> Memo:
    return _decode_memo(job.memo) if job.memo else _BLANK


def quarantined(job: Job) -> bool:
    """Whether the job must run alone in a process, where a crash can be blamed on nobody else."""
    return bool(job.memo) and memo_of(job).quarantined


def _as_it_is(result: bytes) -> bytes:
    return result


def decide(
    job: Job,
    outcome: Outcome,
    rand: Callable[[], float],
    plain: Plain = _as_it_is,
    policies: Policies = NO_POLICIES,
) -> Transition:
    """The transition that ``outcome`` means for ``job``. Pure; ``rand`` answers in [0, 1).

    ``plain`` reads a stored result, for what follows the job. ``policies`` are what operators have set.
    """
    if policies.retention != NO_RETENTION:
        spec = msgspec.structs.replace(job.spec, keep=keep_of(job, policies.retention))
        job = msgspec.structs.replace(job, spec=spec)
    transition = _judge(job, outcome, rand)
    if transition.target is State.WAITING and job.cancel:
        cancelled = _end(job, State.CANCELLED, transition.attempts, error=transition.error)
        transition = msgspec.structs.replace(cancelled, losses=transition.losses)
    if not transition.target.ended or not (job.spec.callbacks or policies.subscriptions):
        return transition
    then = follow_ups(
        job,
        transition.target,
        transition.attempts,
        result=outcome.result if isinstance(outcome, Returned) else None,
        error=transition.error,
        plain=plain,
        subscriptions=policies.subscriptions,
    )
    return msgspec.structs.replace(transition, then=then) if then else transition


def unfit(job: Job) -> Outcome | None:
    """Why a claimed job must end without its handler being called; ``None`` when it may run."""
    if job.unmet:
        return ParentsUnmet()
    expires_ms = job.spec.expires_ms
    if expires_ms is not None and job.epoch == 1 and (job.claimed_at or 0) > job.created_at + expires_ms * 1000:
        return Expired()
    return None


def _judge(job: Job, outcome: Outcome, rand: Callable[[], float]) -> Transition:
    match outcome:
        case Returned(result=result):
            return _completed(job, result)
        case Raised(error=error) | Unstored(error=error):
            covered = isinstance(outcome, Unstored) or retries(job.spec.retry or DEFAULT_RULE, error)
            return _failed_run(job, error, rand, covered=covered)
        case TimedOut(timeout_ms=timeout_ms):
            error = _timeout_error(timeout_ms)
            return _failed_run(job, error, rand, covered=retries(job.spec.retry or DEFAULT_RULE, error))
        case Aborted(error=error):
            return _end(job, State.FAILED, job.attempts + 1, error=error)
        case WasCancelled():
            return _end(job, State.CANCELLED, job.attempts + 1)
        case Snoozed(delay_ms=delay_ms, waits=waits):
            memo = _pack(Memo(quarantined=quarantined(job), waits=waits))
            return _waiting(job, job.attempts, delay_ms=delay_ms, memo=memo)
        case Released():
            return _waiting(job, job.attempts, delay_ms=None, memo=job.memo)
        case TaskMissing():
            return _task_missing(job)
        case LeaseLost():
            return _lost_run(job, rand, Crashed(), _error("abaca.LeaseLost", "its worker stopped renewing the lease"))
        case Crashed():
            return _lost_run(job, rand, outcome, _crash_error(outcome))
        case Damaged() | ParentsUnmet() | Expired():
            return _never_run(job, outcome)


def _never_run(job: Job, outcome: Damaged | ParentsUnmet | Expired) -> Transition:
    """An end that is not charged: the handler was not called, and never will be."""
    match outcome:
        case Damaged(reason=reason):
            return _end(job, State.FAILED, job.attempts, error=_error("abaca.RecordDamaged", reason))
        case ParentsUnmet():
            return _end(job, State.CANCELLED, job.attempts, error=_unmet_error(job))
        case Expired():
            return _end(job, State.CANCELLED, job.attempts, error=_expired_error(job))


def _completed(job: Job, result: bytes) -> Transition:
    keep = job.spec.keep or DEFAULT_KEEP
    stored = result if keep.completed_ms else None
    return Transition(
        target=State.COMPLETED, attempts=job.attempts + 1, losses=job.losses, result=stored, keep_ms=keep.completed_ms
    )


def _end(job: Job, state: State, attempts: int, error: ErrorInfo | None = None) -> Transition:
    keep = job.spec.keep or DEFAULT_KEEP
    keep_ms = keep.failed_ms if state is State.FAILED else keep.cancelled_ms
    stamped = msgspec.structs.replace(error, attempt=attempts) if error is not None else None
    return Transition(target=state, attempts=attempts, losses=job.losses, error=stamped, keep_ms=keep_ms)


def _waiting(
    job: Job,
    attempts: int,
    *,
    delay_ms: int | None,
    memo: bytes,
    losses: int | None = None,
    error: ErrorInfo | None = None,
) -> Transition:
    return Transition(
        target=State.WAITING,
        attempts=attempts,
        losses=job.losses if losses is None else losses,
        delay_ms=delay_ms,
        error=error,
        memo=memo,
    )


def _failed_run(
    job: Job, error: ErrorInfo, rand: Callable[[], float], *, covered: bool, losses: int | None = None
) -> Transition:
    rule = job.spec.retry or DEFAULT_RULE
    attempts = job.attempts + 1
    if not covered or attempts >= rule.max_attempts:
        return _end(job, State.FAILED, attempts, error=error)
    delay_ms = round(max(0.0, min(backoff_seconds(rule.backoff, attempts, rand), LONGEST_BACKOFF_SECONDS)) * 1000)
    stamped = msgspec.structs.replace(error, attempt=attempts)
    return _waiting(job, attempts, delay_ms=delay_ms, memo=_kept_memo(job), losses=losses, error=stamped)


def _lost_run(job: Job, rand: Callable[[], float], crash: Crashed, error: ErrorInfo) -> Transition:
    """A run that vanished is charged when blame is sure; otherwise it counts as a loss, ``MAX_LOSSES`` times.

    Under quarantine a crash convicts. A loss that proves nothing even there (the runner above it went, or the whole
    worker did) is spared while losses are left: it might have hit anybody, but a job cannot be spared for ever.
    """
    if job.unmet:  # its handler was never called, so there is no run to blame; the next claimer ends it
        return _waiting(job, job.attempts, delay_ms=None, memo=job.memo)
    memo = memo_of(job)
    died_under_supervisor = (crash.signal is not None or crash.exit_code is not None) and not crash.blameless
    convicted = memo.quarantined and (died_under_supervisor or job.losses >= MAX_LOSSES)
    if crash.alone or convicted:
        return _failed_run(job, error, rand, covered=True)
    losses = job.losses + 1
    suspect = memo.quarantined or died_under_supervisor or losses >= QUARANTINE_AFTER_LOSSES
    return _waiting(job, job.attempts, delay_ms=None, memo=_pack(Memo(quarantined=suspect)), losses=losses)


def _task_missing(job: Job) -> Transition:
    memo = memo_of(job)
    if memo.missing_ms >= TASK_MISSING_LIMIT_MS:
        message = f"no worker knew the task {job.spec.task!r} for 24 hours; requeue the job once one does"
        return _end(job, State.FAILED, job.attempts, error=_error("abaca.UnknownTask", message))
    delay_ms = min(max(TASK_MISSING_FIRST_MS, memo.missing_ms), TASK_MISSING_CAP_MS)
    later = msgspec.structs.replace(memo, missing_ms=memo.missing_ms + delay_ms)
    return _waiting(job, job.attempts, delay_ms=delay_ms, memo=_pack(later))


def _kept_memo(job: Job) -> bytes:
    """The task is known here, so the time it was missing no longer counts; quarantine stays."""
    return _pack(Memo(quarantined=True)) if quarantined(job) else b""


def _pack(memo: Memo) -> bytes:
    return b"" if memo == _BLANK else _encode_memo(memo)


def _error(type: str, message: str) -> ErrorInfo:
    return ErrorInfo(type=type, message=message)


def _unmet_error(job: Job) -> ErrorInfo:
    parents = job.spec.parents
    whose = f"its parent {parents[0]}" if len(parents) == 1 else f"{job.unmet} of its {len(parents)} parents"
    return _error(
        PARENTS_UNMET,
        f"{whose} ended otherwise than it asks for, so it was not run; requeue what failed, and then this job",
    )


def _expired_error(job: Job) -> ErrorInfo:
    late = ((job.claimed_at or 0) - job.created_at) / 1e6
    return _error(
        "abaca.JobExpired",
        f"it expires {(job.spec.expires_ms or 0) / 1000:g} s after it was enqueued and was first claimed after "
        f"{late:.1f} s, so it was not run; requeue it to run it all the same",
    )


def _timeout_error(timeout_ms: int) -> ErrorInfo:
    return ErrorInfo(
        type="abaca.JobTimeout",
        message=f"the run was stopped after its timeout of {timeout_ms / 1000:g} s",
        kinds=("abaca.JobTimeout", "builtins.TimeoutError", "builtins.OSError", "builtins.Exception"),
    )


def _crash_error(crash: Crashed) -> ErrorInfo:
    if crash.signal is not None:
        try:
            name = signals.Signals(crash.signal).name
        except ValueError:
            name = f"signal {crash.signal}"
        return _error("abaca.WorkerCrashed", f"the process that ran it was killed by {name}")
    return _error(
        "abaca.WorkerCrashed", f"the process that ran it exited with status {crash.exit_code} and gave no result"
    )
