"""S10: each reader got a job's updates without a hole, and one end.

From the readers' own events: ids count up by one from the cursor (a ``gap`` stands for as many as it says), and a
reader that was told the end has seen exactly one, which agrees with the record unless the job was requeued.
"""

from __future__ import annotations

from collections.abc import Mapping

from abaca.model import State
from abaca.verify.checker.book import Book
from abaca.verify.checker.findings import Report
from abaca.verify.history import Event

_RUNNING = 2
"""The id of the first ``running``, which a job that never ran, or is a tombstone, does not have."""
_TERMINAL = {state.name.lower() for state in State if state.ended}


def judge_readers(book: Book, states: Mapping[str, State], report: Report) -> None:
    """``states``: how the jobs that were read stand at the end."""
    for events in book.readers.values():
        report.judged("S10")
        _judge_reader(events, book, states, report)


def _judge_reader(events: list[Event], book: Book, states: Mapping[str, State], report: Report) -> None:
    id = events[0].j
    track = book.tracks.get(id)
    requeued = track is not None and track.requeues() > 0
    seen = 0
    ends: list[str] = []
    for event in events:
        if event.f == "updates" and event.type == "invoke":
            seen = event.val["after"]
        elif event.f == "update":
            length = event.val["value"] if event.val["kind"] == "gap" else 1
            if event.val["id"] != seen + length and not (seen < _RUNNING and event.val["id"] == _RUNNING + 1):
                report.broken("S10", id, f"update {event.val['id']} came after {seen}")
            seen = event.val["id"]
            if ends and not requeued:
                report.broken("S10", id, f"update {seen} came after the end")
            if event.val["kind"] == "status" and event.val["value"] in _TERMINAL:
                ends.append(event.val["value"])
        elif event.type == "ok" and not requeued:
            _judge_end(id, ends, states.get(id), report)


def _judge_end(id: str, ends: list[str], state: State | None, report: Report) -> None:
    if len(ends) > 1:
        report.broken("S10", id, f"its updates told {len(ends)} ends")
    elif ends and state is not None and state.name.lower() != ends[0]:
        report.broken("S10", id, f"its updates ended with {ends[0]}, and it is {state.name.lower()}")
