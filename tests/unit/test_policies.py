"""What operators have set for everybody's jobs, in the one place that decides: subscriptions and retention."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from abaca.model import (
    DAY_MS,
    HOUR_MS,
    NO_POLICIES,
    ErrorInfo,
    Job,
    Keep,
    Kept,
    NewJob,
    Policies,
    Retention,
    RetryRule,
    State,
    Subscription,
)
from abaca.policy.builtin import WEBHOOK
from abaca.policy.decide import decide
from abaca.policy.followups import deliveries_of_cancel
from abaca.policy.outcome import Expired, Outcome, Raised, Released, Returned, WasCancelled
from abaca.worker.judging import judge

ID = "0190a1b2c3d47abc8abc0123456789" + "00"
FAILURE = Raised(error=ErrorInfo(type="app.Oops", message="no", kinds=("app.Oops",)))
ALL = Subscription(id="all", url="https://shop.example/", secret="s" * 16, owner="root")


def running(**fields: Any) -> Job:
    spec = {"id": ID, "task": "resize", "queue": "media", "tags": ("web",), "owner": "ann", "tenant": "acme"}
    return Job(spec=NewJob(**{**spec, "retry": RetryRule(max_attempts=1), **fields}), state=State.RUNNING, epoch=3)


def told(job: Job, outcome: Outcome, **narrowed: Any) -> bool:
    subscription = msgspec.structs.replace(ALL, **narrowed)
    then = decide(job, outcome, lambda: 0.5, policies=Policies(subscriptions=(subscription,))).then
    return [msgspec.json.decode(new.args)["subscription"] for new in then] == ["all"]


@pytest.mark.parametrize(
    ("narrowed", "hears"),
    [
        ({}, True),
        ({"events": ("completed",)}, True),
        ({"events": ("failed", "cancelled")}, False),
        ({"tasks": ("scale", "resize")}, True),
        ({"tasks": ("scale",)}, False),
        ({"queues": ("media",)}, True),
        ({"queues": ("default",)}, False),
        ({"tags": ("web", "x")}, True),
        ({"tags": ("x",)}, False),
        ({"of": "ann"}, True),
        ({"of": "bob"}, False),
        ({"enabled": False}, False),
        ({"tasks": ("resize",), "queues": ("default",)}, False),
    ],
)
def test_a_subscription_hears_of_what_fits_each_of_its_filters(narrowed: dict[str, Any], hears: bool) -> None:
    assert told(running(), Returned(result=b"7"), **narrowed) is hears


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Returned(result=b"7"), "completed"),
        (FAILURE, "failed"),
        (WasCancelled(), "cancelled"),
        (Expired(), "cancelled"),
        (Released(), None),
    ],
)
def test_every_end_is_told_and_nothing_else(outcome: Outcome, status: str | None) -> None:
    then = judge(running(), outcome, Policies(subscriptions=(ALL,))).then
    assert [msgspec.json.decode(new.args)["end"]["status"] for new in then] == ([] if status is None else [status])


def test_a_cancel_that_came_while_it_failed_is_told_as_a_cancel() -> None:
    job = msgspec.structs.replace(running(retry=RetryRule(max_attempts=3)), cancel=True)
    assert told(job, FAILURE, events=("cancelled",))


def test_deliveries_are_not_subject_to_subscriptions() -> None:
    assert not told(running(task=WEBHOOK), Returned(result=b"7"))


def test_a_delivery_is_the_subscribers_and_the_same_whoever_settles() -> None:
    # Given one run that two workers settle
    policies = Policies(subscriptions=(ALL, msgspec.structs.replace(ALL, id="other")))
    first, again = (decide(running(), Returned(result=b"7"), lambda: 0.5, policies=policies).then for _ in range(2))
    # Then both make the same deliveries, each of its own id
    assert first == again
    assert len({new.id for new in first}) == 2
    # And they belong to the subscriber, who may see jobs of others, and not to the job's owner
    delivery = first[0]
    assert (delivery.task, delivery.owner, delivery.tenant, delivery.queue) == (WEBHOOK, "root", "acme", "media")
    assert (delivery.tags, delivery.parent) == (("webhook:all",), f"job:{ID}")
    # And neither the address nor the secret is in the record
    assert b"shop.example" not in delivery.args
    assert ALL.secret.encode() not in delivery.args


def test_a_cancel_without_a_run_is_told_once_for_each_end() -> None:
    # Given a job that was cancelled while it waited, and again after a requeue
    job = msgspec.structs.replace(running(), state=State.CANCELLED, epoch=0, revision=1)
    later = msgspec.structs.replace(job, revision=3)
    # When deliveries are made, one twice
    ids = {new.id for each in (job, job, later) for new in deliveries_of_cancel(each, [ALL])}
    assert len(ids) == 2
    assert deliveries_of_cancel(job, [msgspec.structs.replace(ALL, events=("failed",))]) == ()


STORED = Retention(
    default=Kept(completed_ms=1_000, failed_ms=2_000), tasks={"resize": Kept(completed_ms=3_000, cancelled_ms=4_000)}
)


@pytest.mark.parametrize(
    ("keep", "task", "kept"),
    [
        (None, "resize", (3_000, 2_000, 4_000)),
        (None, "scale", (1_000, 2_000, DAY_MS)),
        (Keep(completed_ms=7, by="app"), "resize", (3_000, 2_000, 4_000)),
        (Keep(completed_ms=7, by="app"), "scale", (1_000, 2_000, DAY_MS)),
        (Keep(completed_ms=7, by="task"), "resize", (3_000, 7 * DAY_MS, 4_000)),
        (Keep(completed_ms=7, by="task"), "scale", (7, 7 * DAY_MS, DAY_MS)),
        (Keep(completed_ms=7), "resize", (7, 7 * DAY_MS, DAY_MS)),
        (Keep(completed_ms=0, by="app"), "resize", (0, 2_000, 4_000)),
    ],
    ids=["no word", "other task", "app", "app other", "declared", "declared other", "call", "no result"],
)
def test_the_more_particular_word_on_retention_goes_first(
    keep: Keep | None, task: str, kept: tuple[int, int, int]
) -> None:
    job = running(keep=keep, task=task)
    policies = Policies(retention=STORED)
    found = tuple(judge(job, end, policies).keep_ms for end in (Returned(result=b"7"), FAILURE, WasCancelled()))
    assert found == kept
    assert judge(job, Returned(result=b"7"), policies).result == (None if kept[0] == 0 else b"7")


def test_equal_ends_are_one_object_also_under_policies_and_a_change_of_them_counts_at_once() -> None:
    # Given a policy that says nothing of this job's followers
    policies = Policies(subscriptions=(msgspec.structs.replace(ALL, tasks=("scale",)),), retention=STORED)
    # When equal jobs end, then they share a transition, which stores pack together
    first = judge(running(), Returned(result=b"7"), policies)
    assert judge(running(), Returned(result=b"7"), policies) is first
    # And other policies mean another end
    assert judge(running(), Returned(result=b"7"), NO_POLICIES).keep_ms == HOUR_MS
