"""L2, L3, L4: waits return, cancelled runs stop, no run outlives its timeout.

All are judged in quiet periods only, on the monotonic clock, each with ``Options.slack`` on top of its bound.
L2: from the job's end (the store's event, else the ``ended_at`` that the wait itself brought, by the wall clock and
only if no clock was stepped) to the wait's answer. L3: from the answer to a cancel that flagged a running job to the
end of its handler or process. L4: from the deadline (start and timeout) to that end. A run whose end nobody saw is
judged only where the history tells of processes that are gone.
"""

from __future__ import annotations

from abaca.verify.checker.book import Book
from abaca.verify.checker.ends import ends_job
from abaca.verify.checker.findings import Report
from abaca.verify.checker.options import Options
from abaca.verify.checker.tracks import NEVER, Run, Track
from abaca.verify.history import Event


def judge_times(id: str, track: Track, book: Book, options: Options, report: Report) -> None:
    """The three rules for one job."""
    if track.calls:
        _judge_waits(id, track, book, options, report)
        _judge_cancels(id, track, book, options, report)
    timeout = track.item.timeout if track.item is not None else None
    if timeout is None:
        return
    for run in track.runs:
        if not _known(run, book):
            continue
        report.judged("L4")
        if book.late(run.start + timeout, run.over, options.grace + options.slack):
            late = min(run.over, book.last) - run.start - timeout
            report.broken("L4", id, f"epoch {run.tok} ran on for {late:.3f} s after its timeout of {timeout:g} s")


def _known(run: Run, book: Book) -> bool:
    return run.over != NEVER or book.has("worker", "exit")


def _judge_waits(id: str, track: Track, book: Book, options: Options, report: Report) -> None:
    waiting: dict[str, Event] = {}
    for event in track.calls:
        if event.f != "wait":
            continue
        if event.type == "invoke":
            waiting[event.op] = event
            continue
        begun = waiting.pop(event.op, None)
        if begun is None or event.type == "info":
            continue
        _judge_wait(id, track, begun, event, book, options, report)
    for begun in waiting.values():
        _judge_wait(id, track, begun, None, book, options, report)


def _judge_wait(
    id: str, track: Track, begun: Event, answer: Event | None, book: Book, options: Options, report: Report
) -> None:
    done = answer.mono if answer is not None else NEVER
    if answer is None and begun.p in book.killed:
        return
    ended = _end_before(track, done, answer, book)
    if ended is None:
        return
    report.judged("L2")
    since = max(begun.mono, ended)
    if book.late(since, done, options.slack):
        what = "had not returned" if answer is None or answer.type != "ok" else "returned"
        report.broken("L2", id, f"a wait {what} {min(done, book.last) - since:.3f} s after the job had ended")


def _end_before(track: Track, done: float, answer: Event | None, book: Book) -> float | None:
    """When the job ended that this wait told of, or should have told of; ``None`` when nobody can say."""
    if track.store:
        ends = [event.mono for event in track.store if ends_job(event) and event.mono <= done]
        begins = [event.mono for event in track.store if event.f == "requeue" and event.val["answer"] == "requeued"]
        return ends[-1] if ends and not begins else None
    if answer is None or answer.type != "ok" or book.faults["clock"]:
        return None
    ended_at = answer.val.get("ended_at")
    return answer.mono - (answer.wall - ended_at / 1e6) if ended_at else None


def _judge_cancels(id: str, track: Track, book: Book, options: Options, report: Report) -> None:
    for event in track.calls:
        if event.f != "cancel" or event.type != "ok" or event.val != "flagged":
            continue
        for run in track.runs:
            if run.start <= event.mono < run.over and _known(run, book) and run is track.runs[-1]:
                report.judged("L3")
                if book.late(event.mono, run.over, options.beat + options.grace + options.slack):
                    late = min(run.over, book.last) - event.mono
                    report.broken("L3", id, f"epoch {run.tok} ran on for {late:.3f} s after its cancel was accepted")
