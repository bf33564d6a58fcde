"""The rules that rest on what the store itself wrote, as in the simulator."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from abaca.model import State
from tests.verify.story import OTHER, Story, broken, record

End = Callable[[Story], Story]


def life() -> Story:
    """Enqueued, inserted and claimed at 2 s under a lease of 6 s, and started."""
    story = Story().enqueued().stored(1.05, "insert", val={"due": 1_000_000})
    return story.claimed(2.0, 1).started(2.1)


def completed(story: Story, at: float = 3.0, tok: int = 1) -> Story:
    return story.ended(at, tok=tok).settled(at + 0.1, tok, "completed")


def test_a_plain_life() -> None:
    findings = completed(life()).judged(record())
    assert findings.ok
    assert all(findings.rules[rule].judged for rule in ("S2", "S3", "S4", "S5"))


def s2_second_end(story: Story) -> Story:
    return completed(story).settled(4.0, 1, "failed")


def s3_epoch_again(story: Story) -> Story:
    return completed(story.claimed(2.5, 1, "reclaim"))


def s3_late_write(story: Story) -> Story:
    story.claimed(9.0, 2, "reclaim").settled(9.1, 1, "waiting", due=9_000_000)
    return completed(story.claimed(9.2, 3).started(9.3, tok=3), 9.5, tok=3)


def s5_before_due(story: Story) -> Story:
    story.ended(2.5, how="raised").settled(2.6, 1, "waiting", due=60_000_000)
    return completed(story.claimed(3.0, 2).started(3.1, tok=2), 3.2, tok=2)


def s7_stolen(story: Story) -> Story:
    story.stored(4.0, "beat", 1, {"alive": True, "lease_ms": 6000}).claimed(8.5, 2, "reclaim")
    story.settled(8.6, 2, "waiting", losses=1, attempts=0, due=1_000_000)
    return completed(story.claimed(8.7, 3).started(8.8, tok=3), 9.0, tok=3)


def s12_claimed_after_cancel(story: Story) -> Story:
    story.ended(2.5, how="raised").settled(2.6, 1, "waiting", due=1).stored(2.7, "cancel", val="ended")
    return story.claimed(3.0, 2).settled(3.1, 2, "cancelled")


def l1_nobody_came(story: Story) -> Story:
    story.claimed(20.0, 2, "reclaim").settled(20.1, 2, "waiting", losses=1, attempts=0, due=1)
    return completed(story.claimed(20.2, 3).started(20.3, tok=3), 20.5, tok=3)


@pytest.mark.parametrize(
    ("end", "rule", "epoch"),
    [
        (s2_second_end, "S2", 1),
        (s3_epoch_again, "S3", 1),
        (s3_late_write, "S3", 3),
        (s5_before_due, "S5", 2),
        (s7_stolen, "S7", 3),
        (l1_nobody_came, "L1", 3),
    ],
)
def test_a_broken_promise_is_named(end: End, rule: str, epoch: int) -> None:
    findings = end(life()).judged(record(epoch=epoch))
    assert rule in broken(findings)


def test_a_claim_after_an_acknowledged_cancel() -> None:
    findings = s12_claimed_after_cancel(life()).judged(record(State.CANCELLED, epoch=2))
    assert "S12" in broken(findings)


def test_a_step_forward_of_the_store_s_clock_may_end_a_lease_early() -> None:
    # Given
    story = life().nemesis(3.0, "clock", who="store", step=4.0).claimed(5.0, 2, "reclaim")
    story.settled(5.1, 2, "waiting", losses=1, attempts=0, due=1)
    # When
    findings = completed(story.claimed(5.2, 3).started(5.3, tok=3), 5.5, tok=3).judged(record(epoch=3))
    # Then
    assert findings.rules["S7"].judged == 1
    assert findings.ok


def test_a_step_back_lets_a_lease_count_from_the_step() -> None:
    # Given
    story = life().nemesis(6.0, "clock", who="store", step=-30.0).claimed(13.0, 2, "reclaim")
    story.settled(13.1, 2, "waiting", losses=1, attempts=0, due=1).nemesis(1.0, "quiet", on=True)
    story.events.sort(key=lambda event: event.mono)
    # When
    findings = completed(story.claimed(13.2, 3).started(13.3, tok=3), 13.5, tok=3).judged(record(epoch=3))
    # Then
    assert findings.ok


def test_starts_that_were_given_back_are_not_counted() -> None:
    # Given
    story = Story().enqueued(max=1).stored(1.05, "insert", val={"due": 1})
    for tok in range(1, 9):
        story.claimed(tok * 2.0, tok).started(tok * 2.0 + 0.1, tok=tok).ended(tok * 2.0 + 0.2, tok=tok, how="snoozed")
        story.settled(tok * 2.0 + 0.3, tok, "waiting", attempts=0, due=1)
    # When
    findings = completed(story.claimed(18.0, 9).started(18.1, tok=9), 18.2, tok=9).judged(record(epoch=9))
    # Then
    assert findings.ok
    assert findings.rules["S4"].judged == 1


def test_starts_without_end_are_too_many() -> None:
    # Given
    story = Story().enqueued(max=1).stored(1.05, "insert", val={"due": 1})
    for tok in range(1, 9):
        story.claimed(tok * 2.0, tok).started(tok * 2.0 + 0.1, tok=tok)
        story.settled(tok * 2.0 + 0.3, tok, "waiting", attempts=0, losses=tok, due=1)
    # Then
    assert "S4" in broken(story.judged(record(State.FAILED, epoch=9)))


@pytest.mark.parametrize(("second", "kept"), [(2.5, False), (3.5, True)])
def test_a_bucket_with_one_permit(second: float, kept: bool) -> None:
    # Given a run from 2.0 to 3.0, and another of the same bucket that begins at ``second``
    limits = (("b", 1),)
    story = Story().enqueued(limits=limits).stored(1.1, "insert", val={"due": 1}).claimed(2.0, 1).started(2.0)
    story.ended(2.9).settled(3.0, 1, "completed").enqueued(OTHER, 1.2, limits=limits)
    story.stored(1.3, "insert", val={"due": 1}, id=OTHER)
    story.stored(second, "claim", 1, {"worker": "w", "lease_ms": 6000}, id=OTHER, att=1).started(second, id=OTHER)
    val = {"verdict": "applied", "target": "completed", "attempts": 1, "losses": 0}
    story.ended(second + 1, id=OTHER).stored(second + 1.1, "settle", 1, val, id=OTHER)
    story.events.sort(key=lambda event: event.mono)
    # When
    findings = story.judged(record(), record(id=OTHER))
    # Then
    assert (broken(findings) == []) is kept
    assert findings.rules["S9"].judged == 2
