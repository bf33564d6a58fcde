"""S9: at most one live job holds a key.

With the store's events: the lives of the jobs of one key (insert or requeue to end) do not overlap. Without: no enqueue
of a key is acknowledged as new between the acknowledgement of another job with that key and the end of the handler that
gave that job its result. Concurrency limits are not part of this history yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise

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
    return [(track.acked, run.end, id)]


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
