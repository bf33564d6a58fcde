"""S1, D1, S8: nothing accepted is lost, nothing appears that was not asked for.

S1 and D1 hold the clients' acknowledged enqueues against the records. S8 holds the handlers' starts and the records
against the enqueues that were attempted, arguments included.
"""

from __future__ import annotations

from abaca.model import Job
from abaca.verify.checker.book import Book
from abaca.verify.checker.findings import Report
from abaca.verify.checker.options import Options
from abaca.verify.checker.tracks import NEVER, Track
from abaca.verify.prints import print_of_stored


def judge_record(id: str, track: Track, job: Job | None, book: Book, options: Options, report: Report) -> None:
    """S1 and D1 for one job, present or absent at the end."""
    accepted = track.acked != NEVER
    if accepted:
        report.judged("S1")
        report.judged("D1")
    if job is None:
        if accepted and options.durable:
            report.broken("S1", id, "it was accepted and is gone")
        elif accepted:
            report.findings.durability_loss += 1
        return
    if options.quiesced and not job.state.ended:
        report.judged("S1", 0 if accepted else 1)
        state = job.state.name.lower()
        report.broken("S1", id, f"the queue is drained, and it is still {state} at epoch {job.epoch}")
    if track.held_by and track.acked == NEVER:
        report.broken(
            "S1", id, f"the client was told that {track.held_by} holds its key, and it is stored all the same"
        )


def judge_losses(options: Options, report: Report) -> None:
    lost = report.findings.durability_loss
    if lost > options.may_lose:
        report.broken("D1", "", f"{lost} accepted jobs are gone, and this durability may lose {options.may_lose}")


def judge_origin(id: str, track: Track, job: Job | None, book: Book, report: Report) -> None:
    """S8 for one job."""
    item = track.item
    if item is None:
        if track.runs:
            report.broken("S8", id, "a handler started it, and nobody enqueued it")
        if job is not None:
            report.broken("S8", id, "it is stored, and nobody enqueued it")
        return
    for run in track.runs:
        report.judged("S8")
        if run.arguments and run.arguments != item.print:
            report.broken("S8", id, f"epoch {run.tok} started with other arguments than were enqueued")
    if job is None or job.purged or job.damage is not None:
        return
    report.judged("S8")
    if print_of_stored(job.spec.args) != item.print:
        report.broken("S8", id, "its stored arguments are not those that were enqueued")


def judge_holders(book: Book, report: Report) -> None:
    """Who was named as the holder of a key must have been asked for."""
    for id, track in book.tracks.items():
        if track.held_by and track.held_by not in book.tracks:
            report.broken("S8", id, f"it was told that {track.held_by} holds its key, which nobody enqueued")
