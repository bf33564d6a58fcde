"""S7, L1: a renewed lease is never taken, an ended one is taken over in time.

Both rest on the store's claims, reclaims and beats, in true time: the monotonic clock of the run, less what the store's
clock was put forward meanwhile (a lease that a step forward ends early is allowed: the epoch makes it harmless). After
a step back a lease may count from that step. Without the store's events both are not judged; then only recovery times
are measured: from a kill to the next start of a run that was in the killed process.
"""

from __future__ import annotations

from abaca.verify.checker.book import Book, covers
from abaca.verify.checker.findings import Report
from abaca.verify.checker.options import Options
from abaca.verify.checker.tracks import NEVER, Track

_ROUNDING = 0.002


def judge_leases(id: str, track: Track, book: Book, options: Options, report: Report) -> None:
    """S7 and L1 for one job."""
    renewed: float | None = None
    lease = 0.0
    for event in track.store:
        if event.f == "reclaim" and renewed is not None:
            report.judged("S7")
            forward, _ = book.stepped(renewed, event.mono)
            if event.mono - renewed + forward < lease - _ROUNDING:
                held = event.mono - renewed
                report.broken("S7", id, f"epoch {event.tok} took a lease of {lease:g} s renewed {held:.3f} s before")
        if event.f in ("claim", "reclaim"):
            if renewed is not None:
                _judge_takeover(id, book, renewed, lease, event.mono, options, report)
            renewed, lease = event.mono, event.val["lease_ms"] / 1000
        elif event.f == "beat" and event.val["alive"]:
            renewed, lease = event.mono, event.val["lease_ms"] / 1000
        elif event.f == "settle" and event.val["verdict"] == "applied":
            renewed = None
    if renewed is not None:
        _judge_takeover(id, book, renewed, lease, NEVER, options, report)


def _judge_takeover(
    id: str, book: Book, renewed: float, lease: float, taken: float, options: Options, report: Report
) -> None:
    report.judged("L1")
    _, counts_from = book.stepped(renewed, taken)
    if book.late(counts_from + lease, taken, options.reap + options.slack):
        late = min(taken, book.last) - counts_from - lease
        report.broken("L1", id, f"its lease had ended and it was not taken over for {late:.3f} s")


def recovery_times(book: Book, *, undisturbed: bool = False) -> list[float]:
    """Seconds from a kill to the next start of each job that ran in the killed process.

    ``undisturbed`` leaves out those in whose time the store was away, its clock stepped, or a line or worker was held.
    """
    times: list[float] = []
    others = [span for spans in book.spans.values() for span in spans] + [(at, at) for at, _ in book.steps]
    for track in book.tracks.values():
        if len(track.runs) < 2:
            continue
        for run, following in zip(track.runs, track.runs[1:], strict=False):
            if run.end == NEVER and any(covers(p, run.p) for p in book.killed) and following.start > run.gone:
                if undisturbed and any(a <= following.start and b >= run.gone for a, b in others):
                    continue
                times.append(following.start - run.gone)
    return sorted(times)
