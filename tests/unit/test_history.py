"""Updates as readers see them, from the record and its stored log."""

from __future__ import annotations

import pytest

from abaca.model import History, Job, Kind, NewJob, State, Update
from abaca.policy.history import read_from, synthesise

SPEC = NewJob(id="a" * 32, task="t")
WAITING = Job(spec=SPEC, created_at=10, seen_at=99)
RUNNING = Job(spec=SPEC, state=State.RUNNING, created_at=10, started_at=20, claimed_at=20, seen_at=99)
DONE = Job(spec=SPEC, state=State.COMPLETED, attempts=1, created_at=10, started_at=20, claimed_at=20, ended_at=30)


def stored(*ids: int) -> list[Update]:
    return [Update(id=id, kind=Kind.PROGRESS, at=25, attempt=1, data=b"1") for id in ids]


def seen(job: Job, ids: tuple[int, ...], after: int, limit: int = 10) -> tuple[list[int], bool]:
    """Ids of the updates for a reader at `after`, when the store holds entries `ids`; and whether it is at the end."""
    start = read_from(after)
    kept = [id for id in ids if id > start][:limit]
    dropped = (max(ids) - max(start, 2) - len(kept)) if ids and max(ids) > start else 0
    part = synthesise(History(job=job, entries=stored(*kept), dropped=dropped), after, limit)
    return [update.id for update in part.updates], part.ended


@pytest.mark.parametrize(
    ("job", "ids", "expected", "ended"),
    [
        (WAITING, (), [1], False),
        (RUNNING, (), [1, 2], False),
        (RUNNING, (3, 4), [1, 2, 3, 4], False),
        (DONE, (), [1, 2, 3], True),
        (DONE, (3, 4), [1, 2, 3, 4, 5], True),
    ],
)
def test_the_ends_are_told_by_the_record(job: Job, ids: tuple[int, ...], expected: list[int], ended: bool) -> None:
    assert seen(job, ids, 0) == (expected, ended)


def test_the_words_and_times_of_the_ends() -> None:
    part = synthesise(History(job=DONE), 0, 10)
    assert [(u.value, u.at, u.attempt) for u in part.updates] == [
        ("queued", 10, 0),
        ("running", 20, 1),
        ("completed", 30, 1),
    ]


@pytest.mark.parametrize("after", range(7))
def test_a_reader_resumes_behind_any_update(after: int) -> None:
    """Two entries are stored, so 5 is the terminal update and whoever has seen it is at the end."""
    assert seen(DONE, (3, 4), after) == ([id for id in (1, 2, 3, 4, 5) if id > after], True)


def test_a_job_cancelled_before_it_ran_has_no_running() -> None:
    job = Job(spec=SPEC, state=State.CANCELLED, created_at=10, ended_at=30)
    part = synthesise(History(job=job), 0, 10)
    assert [(u.id, u.value) for u in part.updates] == [(1, "queued"), (3, "cancelled")]


def test_what_was_trimmed_is_one_gap_with_its_length() -> None:
    # Given a reader at 3 and a log of which 4 to 8 were trimmed
    history = History(job=RUNNING, entries=stored(3, 9, 10), dropped=5)
    # When it reads on
    part = synthesise(history, 3, 10)
    # Then it is told how much it missed, in the place where it was
    assert [(u.id, u.kind, u.value) for u in part.updates] == [
        (8, Kind.GAP, 5),
        (9, Kind.PROGRESS, 1),
        (10, Kind.PROGRESS, 1),
    ]


def test_a_reader_whose_own_place_was_trimmed_counts_only_what_it_missed() -> None:
    assert [(u.id, u.value) for u in synthesise(History(job=RUNNING, entries=stored(9), dropped=4), 5, 10).updates] == [
        (8, 3),
        (9, 1),
    ]


def test_a_full_page_hides_the_end_until_the_rest_is_read() -> None:
    assert seen(DONE, (3, 4, 5), 0, limit=2) == ([1, 2, 3, 4], False)
    assert seen(DONE, (3, 4, 5), 4, limit=2) == ([5], False)
    assert seen(DONE, (3, 4, 5), 5, limit=2) == ([6], True)


@pytest.mark.parametrize("after", [0, 5])
def test_a_tombstone_tells_its_end_to_whoever_asks(after: int) -> None:
    part = synthesise(History(job=Job(spec=SPEC, state=State.FAILED, ended_at=30, purged=True)), after, 10)
    assert [u.value for u in part.updates] == ["failed"]
    assert part.ended
    assert part.after > after
