"""Each rule on a history that keeps it and on one that breaks it, as real processes write them: without the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from abaca.model import Job, QueueStats, State, Stats
from abaca.verify import Findings, print_of
from tests.verify.story import CRASHED, ID, OTHER, QUICK, Story, broken, record


def plain() -> Story:
    """One job, enqueued, run and completed."""
    return Story().enqueued().started(2.0).ended(2.5)


def test_a_plain_run_breaks_nothing_and_says_what_it_could_not_judge() -> None:
    # When
    findings = plain().judged(record())
    # Then
    assert findings.ok
    assert findings.rules["S1"].judged == 1
    assert "not judged: the store wrote no events" in str(findings.rules["S7"])


def s1_gone() -> Findings:
    return plain().judged()


def s1_still_waiting() -> Findings:
    return Story().enqueued().judged(record(State.WAITING, epoch=0))


def s1_half_stored() -> Findings:
    story = Story().tell(1.0, "client", "invoke", "enqueue", op="1", items=Story().enqueued().events[0].items)
    return story.tell(2.0, "client", "info", "enqueue", op="1").judged(record(State.RUNNING))


def s2_other_result() -> Findings:
    return plain().judged(record(value=8))


def s2_nobody_returned() -> Findings:
    return plain().judged(record(epoch=2))


def s2_two_answers() -> Findings:
    first, second = {"status": "completed", "print": "a"}, {"status": "failed", "print": ""}
    return plain().asked(3.0, "wait", first).asked(3.5, "read", second).judged(record())


def s3_started_twice() -> Findings:
    return plain().started(3.0, tok=1).judged(record())


def s4_too_many_starts() -> Findings:
    story = Story().enqueued(max=1)
    for tok in range(1, 5):
        story.started(tok * 2.0, tok=tok)
    return story.judged(record(State.FAILED, epoch=4))


def s4_attempt_above_the_limit() -> Findings:
    return Story().enqueued(max=1).started(2.0, att=2).ended(3.0).judged(record())


def s5_too_early() -> Findings:
    return Story().enqueued(delay=5.0).started(2.0).ended(3.0).judged(record())


def s6_audit() -> Findings:
    return plain().judged(record(), faults=["a line without a job"], audited=True)


def s6_running() -> Findings:
    return plain().judged(record(), stats=Stats(running=1, totals={"completed": 1}))


def s6_waiting() -> Findings:
    stats = Stats(queues=[QueueStats(name="default", due=1)], totals={"completed": 1})
    return plain().judged(record(), stats=stats)


def s8_phantom() -> Findings:
    return Story().started(2.0).ended(3.0).judged()


def s8_other_arguments() -> Findings:
    return Story().enqueued().started(2.0, val={"print": "x"}).ended(3.0).judged(record())


def s8_stored_other_arguments() -> Findings:
    job = record()
    return plain().judged(replace_args(job))


def s9_two_holders() -> Findings:
    story = Story().enqueued(key="k").started(2.0)
    return (
        story.enqueued(OTHER, 3.0, key="k")
        .ended(5.0)
        .started(6.0, id=OTHER)
        .ended(7.0, id=OTHER)
        .judged(record(key="k"), record(id=OTHER, key="k"))
    )


def s10_hole() -> Findings:
    return updates(1, 2, 5, 6)


def s10_two_ends() -> Findings:
    return updates(1, 2, 3, 4, ends=(3, 4))


def s11_before_its_parent() -> Findings:
    story = Story().enqueued().enqueued(OTHER, 1.5, after=(ID,)).started(2.0, id=OTHER).ended(2.2, id=OTHER)
    return story.started(3.0).ended(4.0).judged(record(), record(id=OTHER))


def s11_after_a_failed_parent() -> Findings:
    story = Story().enqueued().stored(1.1, "insert", val={"due": 1_100_000})
    story.enqueued(OTHER, 1.5, after=(ID,)).stored(1.6, "insert", val={"due": 1_600_000}, id=OTHER)
    story.claimed(2.0, 1).started(2.1).ended(2.2, how="raised").settled(2.3, 1, "failed")
    story.stored(3.0, "claim", 1, {"worker": "w", "lease_ms": 6000}, id=OTHER, att=1).started(3.1, id=OTHER)
    story.ended(3.2, id=OTHER)
    story.stored(3.3, "settle", 1, {"verdict": "applied", "target": "completed", "attempts": 1, "losses": 0}, id=OTHER)
    return story.judged(record(State.FAILED), record(id=OTHER))


def s12_ran_after_its_cancel() -> Findings:
    return Story().enqueued().asked(2.0, "cancel", "ended").started(3.0).ended(4.0).judged(record())


def c1_twice() -> Findings:
    story = Story().enqueued(tick=("s", 1)).enqueued(OTHER, 1.5, tick=("s", 1))
    return story.started(2.0).ended(3.0).started(4.0, id=OTHER).ended(5.0, id=OTHER).judged(record(), record(id=OTHER))


def c1_missed() -> Findings:
    story = Story().enqueued(tick=("s", 1)).started(2.0).ended(3.0)
    return story.judged(record(), options=replace(QUICK, ticks={"s": (1, 2)}))


def l2_late_answer() -> Findings:
    answer = {"status": "completed", "print": "", "ended_at": 2_500_000}
    return plain().asked(2.0, "wait", answer, until=9.0).judged(record())


def l3_ran_on() -> Findings:
    story = Story().enqueued().started(2.0).asked(3.0, "cancel", "flagged")
    return story.ended(12.0, how="interrupted").judged(record(State.CANCELLED))


def l4_ran_on() -> Findings:
    return Story().enqueued(timeout=1.0).started(2.0).ended(9.0).judged(record())


def l5_standstill() -> Findings:
    return Story().enqueued().started(20.0).ended(21.0).judged(record())


def d1_too_many_gone() -> Findings:
    return plain().judged(options=replace(QUICK, durable=False, may_lose=0))


@pytest.mark.parametrize(
    ("story", "rule"),
    [
        (s1_gone, "S1"),
        (s1_still_waiting, "S1"),
        (s1_half_stored, "S1"),
        (s2_other_result, "S2"),
        (s2_nobody_returned, "S2"),
        (s2_two_answers, "S2"),
        (s3_started_twice, "S3"),
        (s4_too_many_starts, "S4"),
        (s4_attempt_above_the_limit, "S4"),
        (s5_too_early, "S5"),
        (s6_audit, "S6"),
        (s6_running, "S6"),
        (s6_waiting, "S6"),
        (s8_phantom, "S8"),
        (s8_other_arguments, "S8"),
        (s8_stored_other_arguments, "S8"),
        (s9_two_holders, "S9"),
        (s10_hole, "S10"),
        (s10_two_ends, "S10"),
        (s11_before_its_parent, "S11"),
        (s11_after_a_failed_parent, "S11"),
        (s12_ran_after_its_cancel, "S12"),
        (c1_twice, "C1"),
        (c1_missed, "C1"),
        (l2_late_answer, "L2"),
        (l3_ran_on, "L3"),
        (l4_ran_on, "L4"),
        (l5_standstill, "L5"),
        (d1_too_many_gone, "D1"),
    ],
)
def test_a_broken_promise_is_named(story: Callable[[], Findings], rule: str) -> None:
    # When
    findings = story()
    # Then
    assert broken(findings) == [rule]
    assert not findings.ok


def updates(*ids: int, ends: tuple[int, ...] = ()) -> Findings:
    """One reader who got these updates; the last, or those named, tell the end."""
    story = plain().tell(3.0, "client", "invoke", "updates", op="u", j=ID, val={"after": 0})
    for id in ids:
        value = "completed" if id in (ends or ids[-1:]) else "running"
        story.tell(3.0, "client", "event", "update", op="u", j=ID, val={"id": id, "kind": "status", "value": value})
    return story.tell(4.0, "client", "ok", "updates", op="u", j=ID).judged(record())


def replace_args(job: Job) -> Job:
    return msgspec.structs.replace(job, spec=msgspec.structs.replace(job.spec, args=b'{"n":2}'))


def test_a_reader_with_a_gap_and_one_of_a_job_that_never_ran() -> None:
    assert updates(1, 3).ok
    story = plain().tell(3.0, "client", "invoke", "updates", op="u", j=ID, val={"after": 2})
    for id, kind, value in ((6, "gap", 4), (7, "status", "completed")):
        story.tell(3.0, "client", "event", "update", op="u", j=ID, val={"id": id, "kind": kind, "value": value})
    assert story.judged(record()).ok


def test_what_may_happen_is_not_called_broken() -> None:
    # Given a job that a zombie finished too late, and one whose enqueue was never answered
    story = plain().started(4.0, tok=3).ended(5.0, tok=3)
    story.tell(6.0, "client", "invoke", "enqueue", op="9", items=Story().enqueued(OTHER).events[0].items)
    story.tell(7.0, "client", "info", "enqueue", op="9")
    # When
    findings = story.judged(record(epoch=3))
    # Then
    assert findings.ok
    assert findings.sometimes["a stale write was refused"] == 1
    assert findings.sometimes["a lease was reaped"] == 1
    assert findings.measures["duplicate effects"] == 1
    assert findings.measures["enqueues of unknown outcome"] == 1


def test_a_weak_store_s_own_losses_are_reported_apart() -> None:
    # When
    findings = plain().judged(options=replace(QUICK, durable=False, may_lose=1))
    # Then
    assert findings.ok
    assert findings.durability_loss == 1


def test_an_expected_thing_that_never_happened_fails_the_run() -> None:
    # When
    findings = plain().judged(record(), options=replace(QUICK, expect=("a lease was reaped",)))
    # Then
    assert not findings.ok
    assert findings.missing == ("a lease was reaped",)
    assert "it was expected" in findings.lines()[-1]


def test_time_bounds_are_judged_in_quiet_periods_only() -> None:
    # Given
    story = Story().nemesis(0.5, "kill", p="worker#9").enqueued(timeout=1.0).started(2.0).ended(9.0)
    # When
    findings = story.judged(record())
    # Then
    assert findings.ok
    assert "no quiet period" in findings.rules["L5"].reason


def test_a_crash_is_seen_and_its_recovery_measured() -> None:
    # Given
    story = Story().enqueued().started(2.0).nemesis(3.0, "kill", p="worker#1").started(7.5, tok=3, p="worker#2")
    # When
    findings = story.judged(record(State.FAILED, epoch=3, error=CRASHED))
    # Then
    assert findings.measures["recovery max s"] == 4.5
    assert findings.sometimes["a run came again after a crash"] == 1
    assert findings.sometimes["a job failed for crashing its process"] == 1


def test_held_known_and_refused_enqueues() -> None:
    # Given
    story = plain()
    for op, id, answer in (("2", OTHER, {"held": {OTHER: ID}}), ("3", "r" * 32, {"refused": ["r" * 32]})):
        story.tell(3.0, "client", "invoke", "enqueue", op=op, items=Story().enqueued(id).events[0].items)
        story.tell(3.1, "client", "ok", "enqueue", op=op, val=answer)
    story.tell(4.0, "client", "invoke", "enqueue", op="4", items=Story().enqueued().events[0].items)
    story.tell(4.1, "client", "ok", "enqueue", op="4", val={"known": [ID]})
    # When
    findings = story.judged(record())
    # Then
    assert findings.ok
    assert findings.sometimes["a key was held"] == 1
    assert findings.sometimes["a repeated enqueue was collapsed"] == 1


def test_a_repeated_enqueue_that_is_answered_after_the_end_holds_no_key_then() -> None:
    # Given a job whose enqueue was answered only when it had ended, and meanwhile another with its key
    story = Story().tell(1.0, "client", "invoke", "enqueue", op="a", items=Story().enqueued(key="k").events[0].items)
    story.started(1.2).ended(1.4).enqueued(OTHER, 1.5, key="k").started(2.0, id=OTHER)
    story.tell(2.5, "client", "ok", "enqueue", op="a", val={"known": [ID]}).ended(3.0, id=OTHER)
    # When
    findings = story.judged(record(key="k"), record(id=OTHER, key="k"))
    # Then
    assert broken(findings) == []


def test_violations_are_kept_as_examples_and_all_counted() -> None:
    # Given
    story = Story()
    for number in range(9):
        story.started(number + 1.0, id=f"{number:032x}")
    # When
    findings = story.judged(options=replace(QUICK, examples=2))
    # Then
    assert (len(findings.violations), findings.rules["S8"].broken) == (2, 9)


def test_a_requeue_whose_client_died_before_the_answer_may_have_begun_another_life() -> None:
    # Given a job that was waited for, and a client that was killed while it asked for a requeue
    story = Story().enqueued().started(2.0).ended(2.1, value=7)
    story.asked(2.2, "wait", {"status": "completed", "print": print_of(7)})
    story.tell(3.0, "client", "invoke", "requeue", op="open", j=ID)
    story.started(4.0, tok=2).ended(4.1, tok=2, value=8)
    # When it is held against the record of its second life
    found = story.judged(record(epoch=2, value=8))
    # Then nothing is wrong
    assert broken(found) == []
