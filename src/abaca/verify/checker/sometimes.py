"""The vacuity table: how often each interesting thing happened. A run in which nothing did is no proof.

With the store's events these are exact; without, a stale write is inferred from a handler that returned at an epoch
other than the record's, and a reaped lease from a start whose epoch is two or more above the start before.
"""

from __future__ import annotations

from itertools import pairwise

from abaca.model import Job, State
from abaca.verify.checker.book import Book
from abaca.verify.checker.findings import Report
from abaca.verify.checker.options import Options
from abaca.verify.checker.tracks import NEVER, Track

WAITED_LONG = 1.0


def look_at_job(track: Track, job: Job | None, report: Report) -> None:
    if track.store:
        _look_at_store(track, report)
    else:
        _infer(track, job, report)
    report.seen("a repeated enqueue was collapsed", int(track.collapsed))
    report.seen("a key was held", int(bool(track.held_by)))
    report.seen("a job waited for others", int(track.item is not None and bool(track.item.after)))
    report.seen("a running job was cancelled", sum(e.val == "flagged" for e in track.answers("cancel")))
    report.seen("a job was requeued", sum(e.val == "requeued" for e in track.answers("requeue")))
    report.seen("a run was snoozed", sum(run.how == "snoozed" for run in track.runs))
    crashed = [run for run in track.runs if run.end == NEVER]
    report.seen("a run came again after a crash", sum(run is not track.runs[-1] for run in crashed))
    if job is not None and job.error is not None and not job.purged:
        died = job.state is State.FAILED and job.error.type in ("abaca.WorkerCrashed", "abaca.LeaseLost")
        report.seen("a job failed for crashing its process", int(died))
        report.seen("a run timed out", int(job.error.type == "abaca.JobTimeout"))
        report.seen("a job was given up for how its parents ended", int(job.error.type == "abaca.ParentsUnmet"))


def _look_at_store(track: Track, report: Report) -> None:
    for event in track.store:
        match event.f:
            case "settle":
                report.seen("a stale write was refused", int(event.val["verdict"] == "stale"))
                report.seen("a run timed out", int(event.val.get("error") == "abaca.JobTimeout"))
            case "append":
                report.seen("a stale write was refused", int(event.val == "stale"))
            case "known":
                report.seen("a repeated enqueue was collapsed")
            case "reclaim":
                report.seen("a lease was reaped")
            case _:
                pass


def _infer(track: Track, job: Job | None, report: Report) -> None:
    if job is not None and job.state is State.COMPLETED and not job.purged:
        late = sum(run.how == "returned" and run.tok != job.epoch for run in track.runs)
        report.seen("a stale write was refused", late)
    toks = sorted(run.tok for run in track.runs)
    report.seen("a lease was reaped", sum(b - a > 1 for a, b in pairwise(toks)))


def look_at_run(book: Book, options: Options, report: Report) -> None:
    report.seen("a reply was lost after its call was executed", book.faults["reply_lost"])
    report.seen("a client died", sum(p.startswith("client") for p in book.killed))
    stops = [ends - begins for begins, ends in book.spans["stop"]]
    report.seen("a worker was stopped beyond its lease", sum(length > options.lease for length in stops))
    waits = _waits(book)
    restarts = [begins for begins, _ in (*book.spans["store_restart"], *book.spans["store_away"])]
    report.seen("the store came back while somebody waited", sum(any(a < r < b for a, b in waits) for r in restarts))
    report.seen("a missed tick was made up for", book.faults["tick_missed"])
    report.findings.missing = tuple(name for name in options.expect if not report.findings.sometimes[name])


def _waits(book: Book) -> list[tuple[float, float]]:
    """When somebody waited, by answered waits longer than a moment."""
    spans: list[tuple[float, float]] = []
    for track in book.tracks.values():
        begun = {e.op: e.mono for e in track.calls if e.f == "wait" and e.type == "invoke"}
        ends = [e for e in track.calls if e.f == "wait" and e.type == "ok" and e.op in begun]
        spans += [(begun[e.op], e.mono) for e in ends if e.mono - begun[e.op] > WAITED_LONG]
    return spans
