"""Recounts what the file holds beside its job rows; with ``repair`` it mends them.

SQLite keeps the indexes itself, so lines, leases, ends and keys can disagree with the rows only when the file is
damaged: that is what ``integrity_check`` finds. A piece is judged inside one read transaction, which holds up nobody;
with ``repair`` a piece in which something was found is judged again inside the short write transaction that mends it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from abaca.backend import MIN_TOMBSTONE_MS
from abaca.backends.sqlite.edges import link_again
from abaca.backends.sqlite.engine import Engine
from abaca.backends.sqlite.integrity import examine
from abaca.backends.sqlite.limits import leave, unpark
from abaca.backends.sqlite.rows import read_jobs
from abaca.backends.sqlite.tx import Tx
from abaca.model import Fault, FaultKind, State

_PIECE = 2000
"""How many rows are judged in one transaction."""
_LOGS = 500


@dataclass(frozen=True, slots=True)
class _Check:
    """One kind of fault: the statement that finds it in a piece of rows, and the one that mends a row, or the function
    that does, and answers whether it could."""

    kind: FaultKind
    find: str
    mend: str | Callable[[Tx, bytes], bool] | None
    range: str = "audit_range"

    def judge(self, tx: Tx, first: int, last: int, *, repair: bool) -> list[Fault]:
        rows = tx.rows(self.find, first=first, last=last, least_ms=MIN_TOMBSTONE_MS)
        return [
            Fault(kind=self.kind, id=_name(id), detail=detail, repaired=repair and self._mend(tx, n, id))
            for n, id, detail in rows
        ]

    def _mend(self, tx: Tx, n: int, id: bytes) -> bool:
        if isinstance(self.mend, str):
            tx.run(self.mend, n=n, now=tx.now, least_ms=MIN_TOMBSTONE_MS)
            return True
        return self.mend is not None and self.mend(tx, id)


def _count_parents(tx: Tx, id: bytes) -> bool:
    """Count a job's parents anew, if it can be read what it asks of them."""
    (job,) = read_jobs(tx, [id.hex()]).values()
    if job.damage is not None:
        return False
    leave(tx, job)
    link_again(tx, job.spec)
    return True


_CHECKS = (
    _Check(FaultKind.UNREADABLE, "audit_unreadable", None),
    _Check(FaultKind.RUNNING_WITHOUT_LEASE, "audit_leases", "mend_leases"),
    _Check(FaultKind.ENDED_NOT_EXPIRING, "audit_ends", "mend_ends"),
    _Check(FaultKind.LINE_WITHOUT_JOB, "audit_blocked", "mend_blocked"),
    _Check(FaultKind.WAITING_NOT_IN_LINE, "audit_lines", "mend_lines"),
    _Check(FaultKind.COUNT, "audit_entries", "mend_entries"),
    _Check(FaultKind.INDEX, "audit_bodies", "mend_bodies", range="audit_bodies_range"),
    _Check(FaultKind.INDEX, "audit_asked", "mend_asked", range="audit_asked_range"),
    _Check(FaultKind.EDGE_WITHOUT_JOB, "audit_edges", "mend_edges", range="audit_edges_range"),
    _Check(FaultKind.PARENTS, "audit_marks", "mend_marks"),
    _Check(FaultKind.PARENTS, "audit_parents", _count_parents),
)


async def audit(engine: Engine, repair: bool) -> list[Fault]:
    faults = await examine(engine, repair)
    if any(fault.kind is FaultKind.FILE for fault in faults):
        return faults  # what else a damaged file says is worth nothing
    for check in _CHECKS:
        lowest, highest = await engine.browse(partial(_range, name=check.range))
        for first in range(lowest, highest + 1, _PIECE):
            last = first + _PIECE - 1
            faults += await _piece(engine, partial(check.judge, first=first, last=last), repair)
    faults += await _logs(engine, repair)
    faults += await _piece(engine, _permits, repair)
    faults += await _piece(engine, _totals, repair)
    return faults


async def _piece(engine: Engine, judge: Callable[..., list[Fault]], repair: bool) -> list[Fault]:
    found = await engine.browse(partial(judge, repair=False))
    return await engine.write(partial(_mend, judge=judge)) if found and repair else found


def _mend(tx: Tx, judge: Callable[..., list[Fault]]) -> list[Fault]:
    faults = judge(tx, repair=True)
    repaired = sum(fault.repaired for fault in faults)
    if repaired:
        tx.run("count_repaired", jobs=repaired)
    return faults


def _range(tx: Tx, name: str) -> tuple[int, int]:
    ((lowest, highest),) = tx.rows(name)
    return (0, -1) if lowest is None else (lowest, highest)


async def _logs(engine: Engine, repair: bool) -> list[Fault]:
    faults: list[Fault] = []
    after = b""
    while True:
        rows = await engine.browse(partial(_log_page, after=after))
        if any(orphaned for _, orphaned in rows):
            faults += await _piece(engine, partial(_orphans, after=after), repair)
        if len(rows) < _LOGS:
            return faults
        after = rows[-1][0]


def _log_page(tx: Tx, after: bytes) -> list[tuple[bytes, int]]:
    return [(id, orphaned) for id, orphaned in tx.rows("audit_logs", after=after, limit=_LOGS)]


def _orphans(tx: Tx, after: bytes, *, repair: bool) -> list[Fault]:
    ids = [id for id, orphaned in _log_page(tx, after) if orphaned]
    if repair:
        for id in ids:
            tx.run("mend_logs", id=id)
    detail = "its log is kept, and the job is gone or only a tombstone"
    return [Fault(kind=FaultKind.LOG_WITHOUT_JOB, id=_name(id), detail=detail, repaired=repair) for id in ids]


def _permits(tx: Tx, *, repair: bool) -> list[Fault]:
    """Running jobs hold permits, and nobody else."""
    lost = tx.rows("audit_permits")
    if repair:
        for bucket, holder in lost:
            tx.run("drop_permit", bucket=bucket, holder=holder)
            unpark(tx, bucket, 1)
    return [
        Fault(
            kind=FaultKind.PERMIT_WITHOUT_RUN,
            id=_name(holder),
            detail=f"it holds a permit of the bucket {bucket!r} and does not run",
            repaired=repair,
        )
        for bucket, holder in lost
    ]


def _totals(tx: Tx, *, repair: bool) -> list[Fault]:
    """One statement, and so one instant: jobs that end meanwhile are in both numbers or in neither."""
    faults: list[Fault] = []
    for state, total, counted in tx.rows("audit_totals"):
        if total == counted:
            continue
        if repair:
            tx.run("mend_total", state=state, jobs=counted)
        name = f"totals.{State(state).name.lower()}"
        detail = f"the total is {'missing' if total is None else total}, a recount gives {counted}"
        faults.append(Fault(kind=FaultKind.COUNT, id=name, detail=detail, repaired=repair))
    return faults


def _name(id: bytes | str) -> str:
    return id.hex() if isinstance(id, bytes) else id
