"""A job's life as bars on one line: waits, runs, pauses after failures; and the same as rows, one for each run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from abaca.model import ErrorInfo, Job, Kind, State, Update

_LEAST = 0.6
"""Hundredths: a part that is shorter is drawn as wide as this, so that it can be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run. ``began_at`` is ``None`` where nothing was stored of its beginning. ``outcome`` is a status, or
    ``retried``."""

    attempt: int
    outcome: str
    began_at: int | None = None
    ended_at: int | None = None
    error: ErrorInfo | None = None

    @property
    def seconds(self) -> float | None:
        if self.began_at is None or self.ended_at is None:
            return None
        return max(0.0, (self.ended_at - self.began_at) / 1e6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of the line in hundredths of its length. ``kind`` is a class of the stylesheet."""

    x: float
    width: float
    kind: str
    says: str


def runs_of(job: Job, updates: Sequence[Update]) -> list[Run]:
    """The runs in order, as far as the log and the record tell."""
    runs: list[Run] = []
    for update in updates:
        if update.kind is Kind.STATUS and update.value == "requeued":
            runs.append(Run(attempt=0, outcome="requeued", began_at=update.at, ended_at=update.at))
        elif update.attempt:
            runs = _with(runs, update)
    return _with_record(job, runs)


def _with(runs: list[Run], update: Update) -> list[Run]:
    error = error_of(update) if update.kind is Kind.ERROR else None
    last = runs[-1] if runs else None
    if last is not None and last.attempt == update.attempt and last.outcome == "running":
        if error is None:
            return runs
        return [*runs[:-1], replace(last, outcome="retried", ended_at=update.at, error=error)]
    if update.kind is Kind.STATUS and update.value != "running":
        return runs
    if error is not None:
        return [*runs, Run(attempt=update.attempt, outcome="retried", ended_at=update.at, error=error)]
    return [*runs, Run(attempt=update.attempt, outcome="running", began_at=update.at)]


def _with_record(job: Job, runs: list[Run]) -> list[Run]:
    """What the record knows better than the log: the latest run."""
    ran = job.claimed_at is not None
    if job.state is State.RUNNING:
        if not runs or runs[-1].outcome != "running" or runs[-1].attempt != job.attempt:
            return [*runs, Run(attempt=job.attempt, outcome="running", began_at=job.claimed_at)]
        return [*runs[:-1], replace(runs[-1], began_at=job.claimed_at)]
    if job.state.ended and ran and job.attempts:
        ended = Run(
            attempt=job.attempts,
            outcome=job.status.value,
            began_at=job.claimed_at,
            ended_at=job.ended_at,
            error=job.error if job.state is State.FAILED else None,
        )
        same = bool(runs) and runs[-1].attempt == job.attempts
        return [*(runs[:-1] if same else runs), ended]
    if job.state is State.WAITING and runs and runs[-1].outcome == "running":
        return [*runs[:-1], replace(runs[-1], outcome="interrupted")]
    return runs


def error_of(update: Update) -> ErrorInfo:
    try:
        return msgspec.json.decode(update.data, type=ErrorInfo)
    except msgspec.MsgspecError:
        return ErrorInfo(type="abaca.Unreadable", message="this entry of the log is damaged", attempt=update.attempt)


def parts_of(job: Job, runs: Sequence[Run]) -> list[Part]:
    """Stretches from the job's beginning to its end, or to now."""
    end = job.ended_at or job.seen_at
    total = max(1, end - job.created_at)
    parts: list[Part] = []
    at = job.created_at
    for run in runs:
        if run.attempt == 0 or run.began_at is None:
            continue
        if run.began_at > at:
            kind, word = ("retrying", "paused") if parts else ("queued", "waited")
            parts.append(_part(job, at, run.began_at, total, kind, word))
        until = run.ended_at or end
        kind = "failed" if run.outcome == "retried" else run.outcome
        parts.append(_part(job, run.began_at, until, total, kind, f"run {run.attempt} {run.outcome}"))
        at = max(at, until)
    if at < end:
        kind = ("retrying" if parts else job.status.value) if job.state is State.WAITING else "queued"
        parts.append(_part(job, at, end, total, kind, "waits" if job.state is State.WAITING else "waited"))
    return parts


def _part(job: Job, begin: int, end: int, total: int, kind: str, word: str) -> Part:
    x = 100 * (begin - job.created_at) / total
    width = max(_LEAST, 100 * (end - begin) / total)
    seconds = (end - begin) / 1e6
    return Part(x=round(min(x, 100 - _LEAST), 3), width=round(width, 3), kind=kind, says=f"{word}, {seconds:,.3g} s")
