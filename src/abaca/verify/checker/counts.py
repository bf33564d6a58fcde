"""S6: what the store counts equals a recount of its records.

From the dump alone: the store's own audit (indexes, keys, orphans), and running jobs, waiting jobs by queue and live
holders of keys recounted here. Totals of ended jobs count for the store's whole life: they must be at least what is
there, and where the store writes its events, exactly what ended.
"""

from __future__ import annotations

from collections import Counter

from abaca.model import Job, State
from abaca.verify.checker.book import Book
from abaca.verify.checker.ends import ends_job
from abaca.verify.checker.findings import Report
from abaca.verify.checker.options import Dump


class Recount:
    """Takes each record once."""

    def __init__(self) -> None:
        self.states: Counter[State] = Counter()
        self.waiting: Counter[str] = Counter()
        self.holders: dict[str, str] = {}
        self.doubled: list[tuple[str, str, str]] = []

    def take(self, job: Job) -> None:
        self.states[job.state] += 1
        if job.state is State.WAITING:
            self.waiting[job.spec.queue] += 1
        key = job.spec.key
        if key is not None and not job.state.ended:
            if key in self.holders:
                self.doubled.append((key, self.holders[key], job.id))
            self.holders[key] = job.id

    def judge(self, dump: Dump, book: Book, report: Report) -> None:
        for key, one, other in self.doubled:
            report.broken("S9", other, f"it and {one} are both alive under key {key!r}")
        for fault in dump.faults:
            report.broken("S6", "", f"the store's audit: {fault}")
        report.judged("S6", int(dump.audited))
        if dump.stats is None:
            if not dump.audited:
                report.not_judged("S6", "the dump has neither counts nor an audit")
            return
        stats = dump.stats
        report.judged("S6", 3)
        if stats.running != self.states[State.RUNNING]:
            report.broken("S6", "", f"it counts {stats.running} running jobs, and {self.states[State.RUNNING]} are")
        counted = {queue.name: queue.due + queue.later for queue in stats.queues if queue.due + queue.later}
        if counted != dict(self.waiting):
            report.broken("S6", "", f"it counts {counted} waiting jobs by queue, and {dict(self.waiting)} are")
        ended = _ended(book)
        for state in (State.COMPLETED, State.FAILED, State.CANCELLED):
            total, found = stats.totals.get(state.name.lower(), 0), self.states[state]
            if ended is None and total < found and not any(track.requeues() for track in book.tracks.values()):
                report.broken("S6", "", f"its total of {state.name.lower()} jobs is {total}, and {found} are there")
            if ended is not None and total != ended[state.name.lower()]:
                known = ended[state.name.lower()]
                report.broken("S6", "", f"its total of {state.name.lower()} jobs is {total}, and {known} ended so")


def _ended(book: Book) -> Counter[str] | None:
    if not book.has("store", "settle"):
        return None
    ended: Counter[str] = Counter()
    for track in book.tracks.values():
        for event in track.store:
            if ends_job(event):
                ended["cancelled" if event.f == "cancel" else event.val["target"]] += 1
    return ended
