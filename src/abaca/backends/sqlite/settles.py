"""The settling half of ``exchange``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from abaca.backends.search import digest
from abaca.backends.sqlite.inserts import insert
from abaca.backends.sqlite.rows import read_jobs
from abaca.backends.sqlite.tx import Tx, pack, split_bytes
from abaca.model import Kind, Settle, State, Transition, Verdict, job_topic, queue_topic

_encode = msgspec.json.Encoder().encode


class Run(NamedTuple):
    """What ``judge.sql`` answers of one job."""

    state: int
    epoch: int
    cancel: int
    settled_epoch: int
    settled_digest: bytes | None
    attempts: int
    seq: int
    next_entry: int
    trimmed: int


def runs_of(tx: Tx, ids: Sequence[str]) -> dict[str, Run]:
    return {row[0].hex(): Run(*row[1:]) for row in tx.rows("judge", ids=pack(ids))}


def settle(tx: Tx, done: Sequence[Settle]) -> list[Verdict]:
    return [verdict for part in _parts(done) for verdict in _settle_part(tx, part)]


def _parts(done: Sequence[Settle]) -> Iterator[list[Settle]]:
    """Stretches that one statement may write: no job twice, and follow-ups only after the last."""
    part: list[Settle] = []
    ids: set[str] = set()
    for one in done:
        if one.id in ids:
            yield part
            part, ids = [], set()
        part.append(one)
        ids.add(one.id)
        if one.to.then:
            yield part
            part, ids = [], set()
    if part:
        yield part


def _settle_part(tx: Tx, part: list[Settle]) -> list[Verdict]:
    runs = runs_of(tx, [one.id for one in part])
    judged = [(one, runs.get(one.id), digest(one.to)) for one in part]
    applied: list[tuple[Settle, Run, bytes]] = []
    verdicts: list[Verdict] = []
    for one, run, mark in judged:
        if run is None:
            verdicts.append(Verdict.STALE)
        elif run.state != State.RUNNING or run.epoch != one.epoch:
            same = run.settled_epoch == one.epoch and run.settled_digest == mark
            verdicts.append(Verdict.APPLIED if same else Verdict.STALE)
        elif one.to.target is State.WAITING and run.cancel:
            verdicts.append(Verdict.CANCEL)
        else:
            applied.append((one, run, mark))
            verdicts.append(Verdict.APPLIED)
    if applied:
        _apply(tx, applied)
    return verdicts


def _apply(tx: Tx, applied: list[tuple[Settle, Run, bytes]]) -> None:
    tx.run("settle", settles=pack([_row(one, mark) for one, _, mark in applied]), now=tx.now)
    errors = [_error_entry(one, run) for one, run, _ in applied if one.to.error is not None]
    if errors:
        tx.run("log", entries=pack(errors), now=tx.now)
    ended = [one for one, _, _ in applied if one.to.target is not State.WAITING]
    count_ended(tx, Counter(one.to.target for one in ended))
    hint_ended(tx, [one.id for one in ended])
    if len(ended) < len(applied):
        _hint_waiting(tx, [one.id for one, _, _ in applied if one.to.target is State.WAITING])
    insert(tx, applied[-1][0].to.then)


def _row(one: Settle, mark: bytes) -> tuple[object, ...]:
    to: Transition = one.to
    text, binary = split_bytes(to.result)
    error = None if to.error is None else _encode(to.error).decode()
    head = (one.id, one.epoch, int(to.target), to.attempts, to.losses, to.delay_ms, text, binary, error)
    return (*head, to.memo.hex(), to.keep_ms, mark.hex())


def _error_entry(one: Settle, run: Run) -> tuple[Any, ...]:
    return (one.id, run.next_entry, Kind.ERROR, one.to.attempts, *split_bytes(_encode(one.to.error)))


def count_ended(tx: Tx, ended: Counter[State]) -> None:
    for state, jobs in ended.items():
        tx.run("count_ended", state=int(state), jobs=jobs)


def hint_ended(tx: Tx, ids: list[str]) -> None:
    """Tell of ended jobs; those whom somebody here awaits travel with their record."""
    watched = [id for id in ids if tx.wanted(job_topic(id))]
    jobs = read_jobs(tx, watched) if watched else {}
    for id in ids:
        tx.hint(job_topic(id), jobs.get(id))


def _hint_waiting(tx: Tx, ids: list[str]) -> None:
    jobs = read_jobs(tx, ids)
    for queue in {job.spec.queue for job in jobs.values()}:
        tx.hint(queue_topic(queue))
    for id in ids:
        tx.hint(job_topic(id))
