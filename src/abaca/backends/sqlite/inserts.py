"""The verb ``insert``, also for follow-up jobs."""

from __future__ import annotations

from collections.abc import Sequence

from abaca.backends.sqlite.rows import new_row, put_bodies
from abaca.backends.sqlite.tx import Tx, binary_id, pack
from abaca.model import Inserted, NewJob, Receipt, queue_topic


def insert(tx: Tx, jobs: Sequence[NewJob]) -> list[Receipt]:
    for job in jobs:
        if binary_id(job.id) is None:
            raise ValueError(f"job id {job.id!r} is not 32 lower-case hexadecimal digits")
    if len({job.id for job in jobs}) == len(jobs):
        return _insert_distinct(tx, jobs)
    return [receipt for job in jobs for receipt in _insert_distinct(tx, [job])]


def _insert_distinct(tx: Tx, jobs: Sequence[NewJob]) -> list[Receipt]:
    """The unique indexes judge; reading before tells known ids apart, reading after tells who holds the keys."""
    if not jobs:
        return []
    known = {id.hex() for (id,) in tx.rows("known", ids=pack([job.id for job in jobs]))}
    tx.many("insert", [new_row(job, tx.now) for job in jobs])
    put_bodies(tx, ((job.id, job.args) for job in jobs))
    keys = [job.key for job in jobs if job.key is not None]
    holders = {key: id.hex() for key, id in tx.rows("holders", keys=pack(keys))} if keys else {}
    receipts = [_receipt(job, known, holders) for job in jobs]
    for queue in {job.queue for job in jobs}:
        tx.hint(queue_topic(queue))
    return receipts


def _receipt(job: NewJob, known: set[str], holders: dict[str, str]) -> Receipt:
    if job.id in known:
        return Receipt(id=job.id, outcome=Inserted.KNOWN)
    holder = job.id if job.key is None else holders[job.key]
    return Receipt(id=holder, outcome=Inserted.INSERTED if holder == job.id else Inserted.HELD)
