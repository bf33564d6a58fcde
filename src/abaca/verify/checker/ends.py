"""S2, S3: one end per job, with its own run's result; epochs that rise, and no write from an older one.

S2 holds the stored result against the ``end`` that the handler wrote at the record's epoch, and every wait and read
against the record; where the store writes too, its settles must end a job once per life (a requeue begins another).
S3 is judged from the handlers' starts (no epoch starts twice), and from the store's claims, settles, beats and appends.
"""

from __future__ import annotations

from abaca.model import Job, State
from abaca.verify.checker.book import Book
from abaca.verify.checker.findings import Report
from abaca.verify.checker.tracks import NEVER, Track
from abaca.verify.history import Event
from abaca.verify.prints import print_of_stored

_ENDED = {state.name.lower() for state in State if state.ended}


def judge_ends(id: str, track: Track, job: Job | None, book: Book, report: Report) -> None:
    """S2 for one job."""
    stored = _stored_print(job)
    if job is not None and stored is not None:
        report.judged("S2")
        _judge_result(id, track, job, stored, book, report)
    if track.store:
        _judge_lives(id, track, report)
    if job is not None:
        _judge_answers(id, track, job, stored, report)


def _stored_print(job: Job | None) -> str | None:
    if job is None or job.purged or job.result is None or job.state is not State.COMPLETED:
        return None
    return print_of_stored(job.result)


def _judge_result(id: str, track: Track, job: Job, stored: str, book: Book, report: Report) -> None:
    if not book.has("handler", "end"):
        return
    run = track.run(job.epoch)
    if run is None or run.end == NEVER:
        report.broken("S2", id, f"it is completed at epoch {job.epoch}, at which no handler was seen to return")
    elif run.how != "returned" or run.print != stored:
        report.broken("S2", id, f"its stored result is not what the handler returned at epoch {job.epoch}")


def _judge_lives(id: str, track: Track, report: Report) -> None:
    """The store's own account: at most one end between two beginnings."""
    ended = False
    for event in track.store:
        if ends_job(event):
            report.judged("S2")
            if ended:
                report.broken("S2", id, f"it ended a second time, by a {event.f} at epoch {event.tok}")
            ended = True
        elif event.f == "requeue" and event.val["answer"] == "requeued":
            ended = False
        elif ended and event.f in ("claim", "reclaim"):
            report.broken("S2", id, f"it had ended and was claimed again at epoch {event.tok}")


def ends_job(event: Event) -> bool:
    """Whether this event of the store ended its job."""
    if event.f == "settle":
        return event.val["verdict"] == "applied" and event.val["target"] in _ENDED
    return event.f == "cancel" and event.val == "ended"


def _judge_answers(id: str, track: Track, job: Job, stored: str | None, report: Report) -> None:
    """What clients were told, against the record. With requeues an answer may tell of an earlier life."""
    returned = {run.print for run in track.runs if run.how == "returned"}
    requeued = track.requeues() > 0
    first: dict[str, str] | None = None
    for event in track.calls:
        if event.f not in ("wait", "read") or event.type != "ok":
            continue
        report.judged("S2")
        told = {"status": event.val["status"], "print": event.val.get("print") or ""}
        if told["print"] and returned and told["print"] not in returned:
            report.broken("S2", id, "a client was given a result that no handler returned")
        if requeued:
            continue
        if first is None:
            first = told
        elif first["status"] != told["status"] or not _agree(first["print"], told["print"]):
            report.broken("S2", id, f"two clients were told different ends: {first} and {told}")
        if told["status"] != job.state.name.lower():
            report.broken("S2", id, f"a client was told {told['status']}, and it is {job.state.name.lower()}")
        if stored is not None and not _agree(stored, told["print"]):
            report.broken("S2", id, "a client was given another result than the stored one")


def _agree(one: str, other: str) -> bool:
    """A result that was not stored, or is no longer, is no contradiction."""
    return not one or not other or one == other


def judge_epochs(id: str, track: Track, report: Report) -> None:
    """S3 for one job."""
    for run in track.runs:
        report.judged("S3")
        if run.starts > 1:
            report.broken("S3", id, f"epoch {run.tok} was started {run.starts} times")
    highest, running = 0, False
    for event in track.store:
        match event.f:
            case "claim" | "reclaim":
                report.judged("S3")
                if event.tok <= highest:
                    report.broken("S3", id, f"epoch {event.tok} was given out after epoch {highest}")
                if event.f == "claim" and running:
                    report.broken("S3", id, f"epoch {event.tok} was claimed while epoch {highest} was running")
                highest, running = max(highest, event.tok), True
            case "settle" | "append" | "beat":
                report.judged("S3")
                if _accepted(event) and (event.tok != highest or not running):
                    report.broken(
                        "S3", id, f"a {event.f} at epoch {event.tok} was accepted; the run was over or {highest} ran"
                    )
                if event.f == "settle" and event.val["verdict"] == "applied":
                    running = False
            case _:
                pass


def _accepted(event: Event) -> bool:
    if event.f == "beat":
        return bool(event.val["alive"])
    verdict = event.val if event.f == "append" else event.val["verdict"]
    return bool(verdict == "applied")
