"""S4, S5, S12: how often and when a job may start.

S4: starts in one life are at most ``max_attempts``, the uncharged losses that ``Options.losses`` allows, and the runs
that were given back or put off; where the store writes, these are its settles that leave attempts and losses as they
were, else the handlers' ends by ``snoozed`` or ``interrupted`` and the starts in processes that were drained.
S5 holds the store's claims against the due time it gave itself; without the store's events only an enqueue's delay is
judged, on the monotonic clock, and nothing if a clock was stepped.
S12 holds acknowledged cancels of waiting jobs against later claims; without the store's events against the record.
"""

from __future__ import annotations

from abaca.model import Job, State
from abaca.verify.checker.book import Book, covers
from abaca.verify.checker.findings import Report
from abaca.verify.checker.options import Options
from abaca.verify.checker.tracks import Track
from abaca.verify.history import Event

_CLOCK_READ = 0.05


def judge_budget(id: str, track: Track, book: Book, options: Options, report: Report) -> None:
    """S4 for one job."""
    if track.item is None or not (track.runs or track.store):
        return
    report.judged("S4")
    limit = track.item.max
    if track.store:
        _judge_lives(id, track, limit, options, report)
        return
    lives = 1 + track.requeues()
    allowed = lives * (limit + options.losses)
    if len(track.runs) > allowed:  # only then it matters how many were spared: most jobs of a million start once
        allowed += sum(run.how in ("snoozed", "interrupted") or _drained(run.p, book) for run in track.runs)
    if len(track.runs) > allowed:
        report.broken("S4", id, f"it was started {len(track.runs)} times, and {allowed} are allowed")
    highest = max((run.att for run in track.runs), default=0)
    if highest > limit:
        report.broken("S4", id, f"attempt {highest} was started, and max_attempts is {limit}")


def _drained(p: str, book: Book) -> bool:
    return any(covers(name, p) for name in book.drained)


def _judge_lives(id: str, track: Track, limit: int, options: Options, report: Report) -> None:
    started = {run.tok for run in track.runs}
    starts = spared = losses = attempts = 0
    for event in track.store:
        if event.f == "claim":
            starts += event.tok in started
            if event.att > limit:
                report.broken("S4", id, f"attempt {event.att} was claimed, and max_attempts is {limit}")
        elif event.f == "settle" and event.val["verdict"] == "applied" and event.val["target"] == "waiting":
            val = event.val
            spared += val["attempts"] == attempts and val["losses"] == losses
            attempts, losses = val["attempts"], val["losses"]
        elif event.f == "requeue" and event.val["answer"] == "requeued":
            starts = spared = losses = attempts = 0
        if starts > limit + options.losses + spared:
            report.broken("S4", id, f"it was started {starts} times, {spared} of them given back; the limit is {limit}")
            return


def judge_due(id: str, track: Track, book: Book, report: Report) -> None:
    """S5 for one job."""
    due = 0
    for event in track.store:
        if _becomes_due(event):
            due = event.val["due"]
        elif event.f == "claim":
            report.judged("S5")
            if event.at < due:
                report.broken(
                    "S5", id, f"epoch {event.tok} was claimed {(due - event.at) / 1e6:.3f} s before it was due"
                )
    item = track.item
    if track.store or item is None or not item.delay or book.faults["clock"] or track.requeues():
        return
    report.judged("S5")
    first = min((run.start for run in track.runs), default=None)
    if first is not None and first < track.asked + item.delay - _CLOCK_READ:
        report.broken("S5", id, f"it was delayed by {item.delay:g} s and started after {first - track.asked:.3f} s")


def _becomes_due(event: Event) -> bool:
    """Whether this event of the store gave the job a due time."""
    match event.f:
        case "insert":
            return True
        case "settle":
            return bool(event.val["verdict"] == "applied" and event.val["target"] == "waiting")
        case "requeue":
            return bool(event.val["answer"] == "requeued")
        case "amend":
            return "due" in event.val
    return False


def judge_cancelled(id: str, track: Track, job: Job | None, report: Report) -> None:
    """S12 for one job."""
    told = [event for event in track.answers("cancel") if event.val == "ended"]
    cancelled = False
    for event in track.store:
        if event.f == "cancel" and event.val == "ended":
            report.judged("S12")
            cancelled = True
        elif event.f == "requeue" and event.val["answer"] == "requeued":
            cancelled = False
        elif event.f == "claim" and cancelled:
            report.broken("S12", id, f"its cancel was accepted, and epoch {event.tok} was claimed afterwards")
    if not told or job is None or track.requeues():
        return
    report.judged("S12")
    if job.state is not State.CANCELLED:
        report.broken("S12", id, f"the client was told that it is cancelled, and it is {job.state.name.lower()}")
    late = [run.tok for run in track.runs if run.start > told[0].mono and run.tok > job.epoch]
    if late and not job.purged:
        report.broken("S12", id, f"epoch {late[0]} started after its cancel was acknowledged")
