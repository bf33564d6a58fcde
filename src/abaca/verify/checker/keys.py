"""S9: at most one live job holds a key, and no more jobs of a bucket run than its limit lets.

With the store's events: the lives of the jobs of one key (insert or requeue to end) do not overlap. Without: a life
is at least from the acknowledgement of its enqueue or its first start, whichever is earlier, to the end of the
handler that gave the job its result. Limits are judged from the store's events alone: a run holds its permit from its
claim to its settle, whoever reclaims it meanwhile; handlers of dead or stopped workers may overlap and prove nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise
from operator import itemgetter

from abaca.verify.checker.book import Book
from abaca.verify.checker.ends import ends_job
from abaca.verify.checker.findings import Report
from abaca.verify.checker.tracks import NEVER, Track

Life = tuple[float, float, str]


def judge_keys(book: Book, epochs: Mapping[str, int], report: Report) -> None:
    """``epochs``: the last epoch of each job with a key that is completed."""
    by_key: dict[str, list[tuple[str, Track]]] = defaultdict(list)
    for id, track in book.tracks.items():
        if track.item is not None and track.item.key is not None:
            by_key[track.item.key].append((id, track))
    for key, holders in by_key.items():
        lives = sorted(life for id, track in holders for life in _lives(id, track, epochs.get(id)))
        report.judged("S9", len(lives))
        for earlier, later in pairwise(lives):
            if later[0] < earlier[1]:
                report.broken("S9", later[2], f"key {key!r} was given to it while {earlier[2]} held it")


def _lives(id: str, track: Track, epoch: int | None) -> list[Life]:
    if track.store:
        return _stored_lives(id, track)
    run = track.run(epoch) if epoch is not None else None
    if track.acked == NEVER or run is None or run.end == NEVER or track.requeues():
        return []
    began = min(track.acked, *(run.start for run in track.runs))  # an enqueue may be answered late, after a repeat
    return [(began, run.end, id)]


def _stored_lives(id: str, track: Track) -> list[Life]:
    lives: list[Life] = []
    since: float | None = None
    for event in track.store:
        if event.f == "insert" or (event.f == "requeue" and event.val["answer"] == "requeued"):
            since = event.mono if since is None else since
        elif ends_job(event) and since is not None:
            lives.append((since, event.mono, id))
            since = None
    return lives if since is None else [*lives, (since, NEVER, id)]


def judge_limits(book: Book, report: Report) -> None:
    """No instant at which more runs hold a permit of a bucket than the limit that its jobs carry."""
    moves: dict[str, list[tuple[float, int, str]]] = defaultdict(list)
    most: dict[str, int] = {}
    for id, track in book.tracks.items():
        if track.item is None or not track.item.limits or not track.store:
            continue
        for bucket, concurrency in track.item.limits:
            most[bucket] = concurrency
            for begins, ends in _runs(track):
                moves[bucket] += [(begins, 1, id), (ends, -1, id)]
    for bucket, changes in moves.items():
        report.judged("S9", len(changes) // 2)
        running = 0
        for at, change, id in sorted(changes, key=itemgetter(0, 1)):
            running += change
            if running > most[bucket] and change > 0:
                report.broken("S9", id, f"{running} jobs of bucket {bucket!r} ran at {at:.3f} s; {most[bucket]} may")


def _runs(track: Track) -> list[tuple[float, float]]:
    """When the job held its permits."""
    spans: list[tuple[float, float]] = []
    since: float | None = None
    for event in track.store:
        if event.f == "claim":
            since = event.mono
        elif event.f == "settle" and event.val["verdict"] == "applied" and since is not None:
            spans.append((since, event.mono))
            since = None
    return spans if since is None else [*spans, (since, NEVER)]
