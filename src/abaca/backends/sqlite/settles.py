"""The settling half of ``exchange``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from abaca.backends.search import digest
from abaca.backends.sqlite.edges import link_again, tell_end
from abaca.backends.sqlite.ends import count_ended, hint_ended
from abaca.backends.sqlite.inserts import insert
from abaca.backends.sqlite.limits import release
from abaca.backends.sqlite.rows import read_jobs
from abaca.backends.sqlite.settling import Marked, write
from abaca.backends.sqlite.tx import Tx, pack
from abaca.model import Settle, State, Transition, Verdict, job_topic, queue_topic

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
    parental: int
    unmet: int | None


def runs_of(tx: Tx, ids: Sequence[str]) -> dict[str, Run]:
    return {row[0].hex(): Run(*row[1:]) for row in tx.rows("judge", ids=pack(ids))}


def settle(tx: Tx, done: Sequence[Settle]) -> list[Verdict]:
    return [verdict for part in _parts(done) for verdict in _settle_part(tx, part)]


def _parts(done: Sequence[Settle]) -> Iterator[Sequence[Settle]]:
    """Stretches that may be written at once: no job twice, and follow-ups only after the last."""
    if len({one.id for one in done}) == len(done) and not any(one.to.then for one in done):
        if done:
            yield done
        return
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


def _settle_part(tx: Tx, part: Sequence[Settle]) -> list[Verdict]:
    """Nearly always every settle applies and has no children to tell of it: write them first, and judge each by itself
    only when the count is off."""
    marked = _mark(part)
    tx.connection.execute("SAVEPOINT settles")
    all_applied = write(tx, marked) == len(part)
    if not all_applied:
        tx.connection.execute("ROLLBACK TO settles")
    tx.connection.execute("RELEASE settles")
    if not all_applied:
        return _judge_and_write(tx, marked)
    _follow(tx, part, [])
    return [Verdict.APPLIED] * len(part)


def _mark(part: Sequence[Settle]) -> list[Marked]:
    """Equal ends are mostly one object, see ``abaca.worker.judging``: its digest is made once."""
    marked: list[Marked] = []
    to: Transition | None = None
    mark = b""
    for one in part:
        if one.to is not to:
            to = one.to
            mark = digest(to)
        marked.append((one, mark))
    return marked


def _judge_and_write(tx: Tx, marked: Sequence[Marked]) -> list[Verdict]:
    runs = runs_of(tx, [one.id for one, _ in marked])
    if len(marked) > 1 and _tangled(marked, runs):
        return [verdict for one in marked for verdict in _judge_and_write(tx, [one])]
    applied: list[Marked] = []
    verdicts: list[Verdict] = []
    for one, mark in marked:
        run = runs.get(one.id)
        if run is None:
            verdicts.append(Verdict.STALE)
        elif run.state != State.RUNNING or run.epoch != one.epoch:
            same = run.settled_epoch == one.epoch and run.settled_digest == mark
            verdicts.append(Verdict.APPLIED if same else Verdict.STALE)
        elif one.to.target is State.WAITING and run.cancel:
            verdicts.append(Verdict.CANCEL)
        else:
            applied.append((one, mark))
            verdicts.append(Verdict.APPLIED)
    if applied:
        write(tx, applied, parental=True)
        parents = [one.id for one, _ in applied if one.to.target is not State.WAITING and runs[one.id].parental]
        _follow(tx, [one for one, _ in applied], parents)
    return verdicts


def _tangled(marked: Sequence[Marked], runs: dict[str, Run]) -> bool:
    """Whether a parent ends in one batch with a job that goes back to wait for parents: then the order tells."""
    back = any(one.to.target is State.WAITING and one.id in runs and runs[one.id].unmet for one, _ in marked)
    return back and any(one.to.target is not State.WAITING for one, _ in marked)


def _follow(tx: Tx, applied: Sequence[Settle], parents: Sequence[str]) -> None:
    """What belongs to settles that were just written: errors in the logs, totals, children, follow-ups, hints."""
    release(tx, [one.id for one in applied])
    errors = [one for one in applied if one.to.error is not None]
    for one in errors:
        data = _encode(one.to.error).decode()
        tx.run("log_error", id=bytes.fromhex(one.id), attempt=one.to.attempts, data=data, now=tx.now)
    ended = [one for one in applied if one.to.target is not State.WAITING]
    count_ended(tx, Counter([one.to.target for one in ended]))
    if parents:
        tell_end(tx, parents)
    hint_ended(tx, [one.id for one in ended])
    if len(ended) < len(applied):
        _wait_again(tx, [one.id for one in applied if one.to.target is State.WAITING])
    insert(tx, applied[-1].to.then, follows=True)


def _wait_again(tx: Tx, ids: list[str]) -> None:
    jobs = read_jobs(tx, ids)
    for job in jobs.values():
        if job.unmet:
            link_again(tx, job.spec)
    for queue in {job.spec.queue for job in jobs.values()}:
        tx.hint(queue_topic(queue))
    for id in ids:
        tx.hint(job_topic(id))
