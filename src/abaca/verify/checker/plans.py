"""S11, C1: jobs that follow others, and ticks of schedules.

S11 holds the first start of a job against the ends of the jobs that it was enqueued after (the store's ends, else the
first end of a handler: a later one may be a run that lost its lease). Where the store writes, a job must not start at
all after one that ended but once and otherwise than it asks for. C1 counts the jobs of each (schedule, tick), from
enqueues that were acknowledged as new or from the store's ``cron`` events, and holds them against ``Options.ticks``
where these are given.
"""

from __future__ import annotations

from collections import defaultdict

from abaca.verify.checker.book import Book
from abaca.verify.checker.ends import ends_job
from abaca.verify.checker.findings import Report
from abaca.verify.checker.options import Options
from abaca.verify.checker.tracks import NEVER, Track


def judge_order(id: str, track: Track, book: Book, report: Report) -> None:
    """S11 for one job."""
    if track.item is None or not track.item.after or not track.runs:
        return
    first = min(run.start for run in track.runs)
    for parent in track.item.after:
        other = book.tracks.get(parent)
        if other is not None and not other.store and _ended(other) == NEVER:
            continue  # it ended without a word of any handler: cancelled, or for crashing its process
        report.judged("S11")
        if other is None or _ended(other) > first:
            report.broken("S11", id, f"it started before {parent} had ended")
        elif (end := _only_end(other)) is not None and not _met(track.item.when, end):
            report.broken("S11", id, f"it started although {parent} ended as {end}")


def _ended(track: Track) -> float:
    if track.store:
        return min((event.mono for event in track.store if ends_job(event)), default=NEVER)
    return min((run.end for run in track.runs), default=NEVER)


def _only_end(track: Track) -> str | None:
    """The state in which a job ended, where the store tells of one end and no other life."""
    ends = [event for event in track.store if ends_job(event)]
    if len(ends) != 1 or track.requeues():
        return None
    return "cancelled" if ends[0].f == "cancel" else str(ends[0].val["target"])


def _met(when: str, end: str) -> bool:
    return when == "ended" or (when == "completed") == (end == "completed")


def _stored(track: Track) -> bool:
    return any(event.f == "insert" for event in track.store) if track.store else track.acked != NEVER


def judge_ticks(book: Book, options: Options, report: Report) -> None:
    """C1."""
    fired: dict[tuple[str, int], set[str]] = defaultdict(set)
    for id, track in book.tracks.items():
        for event in track.store:
            if event.f == "cron":
                fired[event.val["schedule"], event.val["tick"]].add(id)
        if track.item is not None and track.item.tick is not None and _stored(track):
            fired[track.item.tick].add(id)
    for (schedule, tick), ids in fired.items():
        report.judged("C1")
        if len(ids) > 1:
            report.broken("C1", "", f"tick {tick} of {schedule} made {len(ids)} jobs: {', '.join(sorted(ids))}")
    for schedule, ticks in options.ticks.items():
        for tick in ticks:
            report.judged("C1", 0 if (schedule, tick) in fired else 1)
            if (schedule, tick) not in fired:
                report.broken("C1", "", f"tick {tick} of {schedule} made no job")
