"""The way through: fold, then judge."""

from __future__ import annotations

from collections.abc import Iterable

from abaca.model import Job, State
from abaca.verify.checker import accepted, ends, keys, leases, logs, plans, progress, sometimes, starts, times
from abaca.verify.checker.book import Book
from abaca.verify.checker.counts import Recount
from abaca.verify.checker.findings import Findings, Report
from abaca.verify.checker.options import Dump, Options
from abaca.verify.checker.tracks import NEVER, Track
from abaca.verify.history import Event

_NEEDS_STORE = "the store wrote no events (they come from the simulator)"


def check(events: Iterable[Event], dump: Dump, options: Options) -> Findings:
    """Judge a run. ``events`` in order of time, as ``read_history`` gives them; each is read once."""
    report = Report(options.examples)
    book = Book()
    book.fold(events)
    _say_what_is_missing(book, report)
    recount = Recount()
    epochs: dict[str, int] = {}
    states: dict[str, State] = {}
    read = {reader[0].j for reader in book.readers.values()}
    present: set[str] = set()
    for job in dump.jobs:
        recount.take(job)
        present.add(job.id)
        if job.spec.key is not None and job.state is State.COMPLETED:
            epochs[job.id] = job.epoch
        if job.id in read:
            states[job.id] = job.state
        _judge_job(job.id, book.tracks.get(job.id) or Track(), job, book, options, report)
    for id, track in book.tracks.items():
        if id not in present:
            _judge_job(id, track, None, book, options, report)
    accepted.judge_losses(options, report)
    accepted.judge_holders(book, report)
    recount.judge(dump, book, report)
    keys.judge_keys(book, epochs, report)
    keys.judge_limits(book, report)
    logs.judge_readers(book, states, report)
    plans.judge_ticks(book, options, report)
    progress.judge_progress(book, options, report)
    sometimes.look_at_run(book, options, report)
    _measure(book, report)
    return report.findings


def _judge_job(id: str, track: Track, job: Job | None, book: Book, options: Options, report: Report) -> None:
    accepted.judge_record(id, track, job, book, options, report)
    accepted.judge_origin(id, track, job, book, report)
    ends.judge_ends(id, track, job, book, report)
    ends.judge_epochs(id, track, report)
    starts.judge_budget(id, track, book, options, report)
    starts.judge_due(id, track, book, report)
    starts.judge_cancelled(id, track, job, report)
    if track.store:
        leases.judge_leases(id, track, book, options, report)
    plans.judge_order(id, track, book, report)
    times.judge_times(id, track, book, options, report)
    sometimes.look_at_job(track, job, report)


def _say_what_is_missing(book: Book, report: Report) -> None:
    if not book.has("store", "claim"):
        for rule in ("S7", "L1"):
            report.not_judged(rule, _NEEDS_STORE)
    if not book.has("handler", "start"):
        for rule in ("S3", "S4", "S8", "S12"):
            report.not_judged(rule, "no handler wrote its starts")
    if not book.quiet:
        for rule in ("L2", "L3", "L4"):
            report.not_judged(rule, "the history names no quiet period")


def _measure(book: Book, report: Report) -> None:
    tracks = book.tracks.values()
    returned = [sum(run.how == "returned" for run in track.runs) for track in tracks]
    measures = report.findings.measures
    measures["jobs accepted"] = sum(track.acked != NEVER for track in tracks)
    measures["enqueues of unknown outcome"] = book.unknown
    measures["handler starts"] = sum(run.starts for track in tracks for run in track.runs)
    measures["duplicate effects"] = sum(
        max(0, count - 1 - track.requeues()) for count, track in zip(returned, tracks, strict=True)
    )
    for name, found in (
        ("recovery", leases.recovery_times(book)),
        ("undisturbed recovery", leases.recovery_times(book, undisturbed=True)),
    ):
        if found:
            measures[f"jobs whose {name} was measured"] = len(found)
            measures[f"{name} p50 s"] = found[len(found) // 2]
            measures[f"{name} p99 s"] = found[min(len(found) - 1, len(found) * 99 // 100)]
            measures[f"{name} max s"] = found[-1]
