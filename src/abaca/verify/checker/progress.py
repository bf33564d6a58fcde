"""L5: while all is quiet and a job is ready, some handler starts or ends in every window.

From the clients' acknowledgements and the handlers' events: a job counts as ready in a window when it was acknowledged,
and its delay was over, before the window began, and it was first started after the window ended, or never. By as much
as the store's clock was put back in the run, jobs may be due later. A window does not count when a process died, or one
stood still, up to ``Options.restart`` before it: pills may kill runners in quiet times too, and a supervisor that sees
several die in a row waits before it starts the next.
"""

from __future__ import annotations

import math

from abaca.verify.checker.book import Book
from abaca.verify.checker.findings import Report
from abaca.verify.checker.options import Options
from abaca.verify.checker.tracks import NEVER, Track


def judge_progress(book: Book, options: Options, report: Report) -> None:
    if not book.has("handler", "start"):
        report.not_judged("L5", "no handler wrote its starts")
        return
    if not book.quiet:
        report.not_judged("L5", "the history names no quiet period")
        return
    idle = [
        window for begins, ends in book.quiet for window in _idle_windows(begins, min(ends, book.last), book, options)
    ]
    report.judged("L5", sum(int(max(0.0, min(e, book.last) - b) // options.window) for b, e in book.quiet))
    if not idle:
        return
    back = -sum(min(step, 0.0) for _, step in book.steps)
    for id, track in book.tracks.items():
        ready, first = _ready(track)
        ready += back
        for begins, ends in idle:
            if ready <= begins and first > ends:
                report.broken("L5", id, f"it was ready, and nothing started or ended from {begins:.1f} to {ends:.1f} s")
                idle.remove((begins, ends))
                break
        if not idle:
            return


def _idle_windows(begins: float, ends: float, book: Book, options: Options) -> list[tuple[float, float]]:
    length = math.ceil(options.window)
    windows: list[tuple[float, float]] = []
    at = math.ceil(begins)
    while at + length <= ends:
        active = any(book.activity[second] for second in range(at, at + length))
        if not active and not book.disturbed(at - options.restart, at + length):
            windows.append((at, at + length))
        at += length
    return windows


def _ready(track: Track) -> tuple[float, float]:
    """From when the job could start, and when it first did. ``NEVER`` where that cannot be said."""
    item = track.item
    cancelled = any(event.f == "cancel" for event in (*track.calls, *track.store))
    if item is None or track.acked == NEVER or item.run_at is not None or item.after or cancelled:
        return NEVER, 0.0
    return track.acked + item.delay, min((run.start for run in track.runs), default=NEVER)
