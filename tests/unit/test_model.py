"""What the values of the seam say of themselves."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from abaca.model import (
    STATUS_ALIASES,
    TRIMMED_KINDS,
    Delays,
    Exponential,
    Fixed,
    Job,
    Kind,
    Linear,
    NewJob,
    Quadratic,
    RetryRule,
    State,
    Status,
    Transition,
    Update,
    job_topic,
    queue_topic,
)

NOW = 1_000_000


def stored(**fields: Any) -> Job:
    return Job(spec=NewJob(id="j", task="t"), seen_at=NOW, **fields)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"state": State.WAITING, "due_at": NOW + 1}, Status.SCHEDULED),
        ({"state": State.WAITING, "due_at": NOW}, Status.QUEUED),
        ({"state": State.WAITING, "due_at": NOW - 1}, Status.QUEUED),
        ({"state": State.WAITING, "due_at": NOW + 1, "attempts": 1}, Status.RETRYING),
        ({"state": State.WAITING, "due_at": NOW, "attempts": 1}, Status.QUEUED),
        ({"state": State.WAITING, "due_at": NOW + 1, "losses": 1}, Status.SCHEDULED),
        ({"state": State.RUNNING, "due_at": NOW + 1}, Status.RUNNING),
        ({"state": State.COMPLETED}, Status.COMPLETED),
        ({"state": State.FAILED}, Status.FAILED),
        ({"state": State.CANCELLED}, Status.CANCELLED),
    ],
)
def test_status_comes_from_state_time_and_attempts(fields: dict[str, Any], status: Status) -> None:
    # Given a job as it was read
    job = stored(**fields)
    # When people ask for its status
    # Then it is the one that the table says
    assert job.status is status


@pytest.mark.parametrize(("state", "attempt"), [(s, 3 if s is State.RUNNING else 2) for s in State])
def test_the_attempt_under_way_counts_only_while_it_runs(state: State, attempt: int) -> None:
    # Given a job with two charged runs
    job = stored(state=state, attempts=2)
    # When its attempt is asked for
    # Then the present run is one more, and only if there is one
    assert job.attempt == attempt


def test_the_last_three_states_are_ends() -> None:
    # Given every state
    # When each is asked whether it is an end
    ended = [state.name for state in State if state.ended]
    # Then the three ends say so
    assert ended == ["COMPLETED", "FAILED", "CANCELLED"]


def test_aliases_stand_for_statuses_and_hide_none() -> None:
    # Given the names that are understood beside the statuses
    # When they are looked up
    # Then each is a status, and none is the name of another
    assert {Status(name) for name in STATUS_ALIASES.values()} <= set(Status)
    assert not set(STATUS_ALIASES) & set(Status)


def test_values_do_not_change() -> None:
    # Given a value of the seam
    transition = Transition(target=State.COMPLETED, attempts=1)
    # When somebody writes to it
    # Then it refuses
    with pytest.raises(AttributeError):
        transition.attempts = 2  # type: ignore[misc]


def test_an_absent_option_costs_nothing_on_the_wire() -> None:
    # Given a job with defaults only
    # When it is encoded
    encoded = msgspec.json.encode(NewJob(id="j", task="t"))
    # Then only what was given is there
    assert encoded == b'{"id":"j","task":"t"}'


def test_a_rule_survives_the_wire_with_the_kind_of_its_back_off() -> None:
    # Given rules of every kind of back-off
    rules = [RetryRule(backoff=kind()) for kind in (Exponential, Fixed, Linear, Quadratic, Delays)]
    # When they travel
    arrived = msgspec.json.decode(msgspec.json.encode(rules), type=list[RetryRule])
    # Then they are the same
    assert arrived == rules


def test_only_progress_and_lines_are_trimmed() -> None:
    # Given every kind of entry
    # When the trimmed ones are listed
    trimmed = {kind for kind in Kind if kind in TRIMMED_KINDS}
    # Then items, steps, errors and statuses are not among them
    assert trimmed == {Kind.PROGRESS, Kind.LOG}


def test_an_update_reads_its_data() -> None:
    # Given an entry with JSON in it
    update = Update(id=3, kind=Kind.ITEM, data=b'{"a":[1,null]}')
    # When its value is asked for
    # Then it is decoded
    assert update.value == {"a": [1, None]}


def test_topics_of_jobs_and_queues_never_meet() -> None:
    # Given a job and a queue of one name
    # When their topics are compared
    # Then they differ
    assert job_topic("x") != queue_topic("x")
