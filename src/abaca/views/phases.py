"""What a job says of itself: it is due later, it runs, it has ended."""

from __future__ import annotations

import msgspec

from abaca.model import Card, Job, State
from abaca.policy.decide import Memo, memo_of
from abaca.policy.retry import DEFAULT_RULE
from abaca.views.reason import Cause, Reason
from abaca.views.takers import label, silent, where
from abaca.views.words import counted, moment, span


def later(job: Job) -> Reason:
    """Why a job is due later."""
    memo, when = _memo(job), at(job.due_at, job.seen_at)
    if memo.waits:
        names = " or ".join(repr(name) for name in memo.waits)
        text = f"it waits for the event {names}, and looks for it by itself {when}"
        return Reason(cause=Cause.EVENT, text=text, until=job.due_at)
    if memo.missing_ms:
        text = f"the worker that took it did not know the task {job.spec.task!r}; it is offered again {when}"
        return Reason(cause=Cause.TASK_MISSING, text=text, until=job.due_at)
    error = job.error
    if error is not None and job.attempts and error.attempt == job.attempts:
        text = f"attempt {job.attempts} of {most(job)} failed with {error}; the next is due {when}"
        return Reason(cause=Cause.RETRYING, text=text, until=job.due_at)
    if job.epoch:
        text = f"its last run asked to go on later (a snooze or a durable sleep): it is due {when}"
        return Reason(cause=Cause.ASLEEP, text=text, until=job.due_at)
    return Reason(cause=Cause.SCHEDULED, text=f"it is scheduled and due {when}", until=job.due_at)


def running(job: Job, workers: list[Card]) -> Reason:
    """Where it runs, since when, and when it is stopped."""
    now, since = job.seen_at, job.claimed_at or job.seen_at
    card = next((card for card in workers if card.id == job.worker), None)
    who = where(card) if card is not None else f"the worker {job.worker}, which is not in the registry any more"
    names = () if card is None else (label(card),)
    if job.lease_until is not None and job.lease_until < now:
        over = span((now - job.lease_until) / 1e6)
        text = f"its run on {who} has not renewed its lease, which ended {over} ago; the next worker takes it over"
        return Reason(cause=Cause.LEASE_ENDED, text=text, since=job.lease_until, workers=names)
    began = f"{span((now - since) / 1e6)} ago on {who}"
    clauses = []
    if card is not None:
        beat = span((now - card.seen_at) / 1e6)
        clauses.append(f"which has not beaten for {beat}" if silent(card, now) else f"which last beat {beat} ago")
    until = since + job.spec.timeout_ms * 1000 if job.spec.timeout_ms is not None else None
    if job.cancel:
        text = ", ".join([f"it was told to stop and has not ended yet: attempt {job.attempt} began {began}", *clauses])
        return Reason(cause=Cause.STOPPING, text=text, since=since, until=until, workers=names)
    text = ", ".join([f"it runs: attempt {job.attempt} of {most(job)} began {began}", *clauses])
    if until is not None:
        text += f"; its timeout stops the run {at(until, now)}"
    elif job.lease_until is not None:
        text += f"; its lease goes until {moment(job.lease_until)} and is renewed while the worker lives"
    return Reason(cause=Cause.RUNNING, text=text, since=since, until=until, workers=names)


def ended(job: Job) -> Reason:
    when = at(job.ended_at or job.seen_at, job.seen_at)
    tried = f" after {counted(job.attempts, 'attempt')}" if job.attempts > 1 else ""
    words = {
        State.COMPLETED: f"it completed {when}{tried}",
        State.FAILED: f"it failed {when}{tried}",
        State.CANCELLED: f"it was cancelled {when}",
    }
    text = words[job.state]
    if job.purged:
        return Reason(cause=Cause.ENDED, text=f"{text}; nothing else of it is kept", since=job.ended_at)
    if job.error is not None and job.state is not State.COMPLETED:
        text += f": {job.error}"
    remedy = f"abaca jobs requeue {job.id}" if job.state is not State.COMPLETED else None
    return Reason(cause=Cause.ENDED, text=text, since=job.ended_at, remedy=remedy)


def at(micros: int, now: int) -> str:
    """An instant in a sentence, with how far it is from now."""
    far = span(abs(micros - now) / 1e6)
    return f"at {moment(micros)} (in {far})" if micros > now else f"at {moment(micros)} ({far} ago)"


def most(job: Job) -> int:
    return (job.spec.retry or DEFAULT_RULE).max_attempts


def _memo(job: Job) -> Memo:
    try:
        return memo_of(job)
    except msgspec.MsgspecError:  # its next run says so
        return Memo()
