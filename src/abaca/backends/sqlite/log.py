"""A job's log: ``append`` and ``updates``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from abaca.backend import TRIMMED_LOG_CAP
from abaca.backends.sqlite.rows import read_jobs
from abaca.backends.sqlite.settles import Run, runs_of
from abaca.backends.sqlite.tx import Tx, from_column, pack, split_bytes
from abaca.model import TRIMMED_KINDS, History, Kind, NewUpdate, State, Update, Verdict, job_topic

_FIRST_ENTRY = 3


@dataclass(slots=True)
class _Tail:
    """The end of one running job's log, while a batch is added to it."""

    id: str
    attempt: int
    seq: int
    next_entry: int
    trimmed: int
    progress: bytes | None = None
    entries: list[tuple[object, ...]] = field(default_factory=list)

    def add(self, update: NewUpdate) -> None:
        self.entries.append((self.id, self.next_entry, update.kind, self.attempt, *split_bytes(update.data)))
        self.seq = update.seq
        self.next_entry += 1
        self.trimmed += update.kind in TRIMMED_KINDS
        if update.kind is Kind.PROGRESS:
            self.progress = update.data


def append(tx: Tx, updates: Sequence[NewUpdate]) -> list[Verdict]:
    runs = runs_of(tx, list({update.id for update in updates}))
    tails: dict[str, _Tail] = {}
    verdicts = [_append(update, runs.get(update.id), tails) for update in updates]
    touched = [tail for tail in tails.values() if tail.entries]
    if touched:
        _write(tx, touched)
    return verdicts


def _append(update: NewUpdate, run: Run | None, tails: dict[str, _Tail]) -> Verdict:
    if run is None or run.state != State.RUNNING or run.epoch != update.epoch:
        return Verdict.STALE
    tail = tails.get(update.id)
    if tail is None:
        tail = tails[update.id] = _Tail(update.id, run.attempts + 1, run.seq, run.next_entry, run.trimmed)
    if update.seq > tail.seq:
        tail.add(update)
    return Verdict.APPLIED


def _write(tx: Tx, tails: list[_Tail]) -> None:
    tx.run("log", entries=pack([entry for tail in tails for entry in tail.entries]), now=tx.now)
    for tail in tails:
        excess = tail.trimmed - TRIMMED_LOG_CAP
        if excess > 0:
            tx.run("trim_log", id=bytes.fromhex(tail.id), excess=excess)
            tail.trimmed = TRIMMED_LOG_CAP
        tx.hint(job_topic(tail.id))
    rows = [(tail.id, tail.seq, tail.next_entry, tail.trimmed, *split_bytes(tail.progress)) for tail in tails]
    tx.run("advance_log", jobs=pack(rows))


def history(tx: Tx, id: str, after: int, limit: int) -> History:
    job = read_jobs(tx, [id]).get(id)
    if job is None or job.purged:
        return History(job=job)
    raw = bytes.fromhex(id)
    rows = tx.rows("read_log", id=raw, after=after, limit=limit)
    entries = [
        Update(id=entry, kind=Kind(kind), at=at, attempt=attempt, data=from_column(data))
        for entry, kind, at, attempt, data in rows
    ]
    first = max(after + 1, _FIRST_ENTRY)
    end = entries[-1].id + 1 if entries else tx.rows("next_entry", id=raw)[0][0]
    return History(job=job, entries=entries, dropped=max(0, end - first - len(entries)))
