"""Webhook subscriptions and retention, as operators change them: records that whoever settles jobs reads."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from abaca.backend import Backend
from abaca.bulk import all_records
from abaca.changing import change_record
from abaca.checks import check_name, check_text
from abaca.client import Client
from abaca.codec import new_id
from abaca.errors import ConfigError, SubscriptionNotFound
from abaca.model import (
    RETENTION,
    SUBSCRIPTION,
    Inserted,
    JobEnd,
    Kept,
    NewJob,
    Record,
    Retention,
    RetryRule,
    Status,
    Subscription,
    Verdict,
)
from abaca.policies import read_subscription
from abaca.policy.builtin import WEBHOOK
from abaca.policy.followups import DELIVERY_KEEP, DELIVERY_RUN, delivery_tag
from abaca.text import shown
from abaca.webhooks import LONGEST_TIMEOUT_MS, check_address

MOST_SUBSCRIPTIONS = 200
"""Of one store: whoever settles a job looks at all of them."""
MOST_OF_AN_OWNER = 16
SHORTEST_SECRET, LONGEST_SECRET = 16, 256
MOST_TASKS = 1000
"""Of which retention may be stored apart."""
MOST_NAMES = 100
"""How many queues, tasks and tags one filter may name."""

_encode = msgspec.json.Encoder().encode
_subscription = msgspec.json.Decoder(Subscription).decode
_retention = msgspec.json.Decoder(Retention).decode


def new_secret() -> str:
    return f"whsec_{secrets.token_hex(24)}"


async def all_subscriptions(client: Client) -> list[Subscription]:
    records = await all_records(client.ask, SUBSCRIPTION)
    return [_subscription(record.data) for record in records if record.data is not None]


async def subscription_of(client: Client, id: str) -> Subscription:
    """Raises ``SubscriptionNotFound``."""
    found = await client.ask(lambda backend: read_subscription(backend, id))
    if found is None:
        raise no_such_subscription(id)
    return found


def no_such_subscription(id: str) -> SubscriptionNotFound:
    return SubscriptionNotFound(f"there is no webhook subscription {shown(id)}")


async def create_subscription(client: Client, subscription: Subscription) -> Subscription:
    """Store a new one, under a new id where it has none; one whose id is there is answered as it was stored.

    Raises ``ConfigError``.
    """
    check_subscription(subscription)
    present = await all_subscriptions(client)
    known = next((each for each in present if each.id == subscription.id), None)
    if known is not None:
        return known
    if len(present) >= MOST_SUBSCRIPTIONS:
        raise ConfigError(
            f"there are {len(present)} webhook subscriptions and the limit of a store is that; delete one"
        )
    of_owner = sum(each.owner == subscription.owner for each in present)
    if of_owner >= MOST_OF_AN_OWNER:
        raise ConfigError(f"this owner has {of_owner} webhook subscriptions and the limit is that; delete one")
    made = msgspec.structs.replace(
        subscription, id=subscription.id or secrets.token_hex(6), created_at=time.time_ns() // 1000
    )
    record = Record(kind=SUBSCRIPTION, id=made.id, data=_encode(made))
    if await client.ask(partial(_put, record)) != [Verdict.APPLIED]:
        raise ConfigError("the subscription could not be stored, because one of its id is there; create another")
    return made


async def change_subscription(client: Client, id: str, change: Callable[[Subscription], Subscription]) -> Subscription:
    """Raises ``SubscriptionNotFound`` and ``ConfigError``."""

    def changed(record: Record | None) -> tuple[Subscription, bytes]:
        if record is None or record.data is None:
            raise no_such_subscription(id)
        made = change(_subscription(record.data))
        check_subscription(made)
        return made, _encode(made)

    return await change_record(client, SUBSCRIPTION, id, f"webhook subscription {id!r}", changed)


async def delete_subscription(client: Client, id: str) -> None:
    """Raises ``SubscriptionNotFound``. Deliveries that wait fail when their turn comes."""

    def gone(record: Record | None) -> tuple[None, None]:
        if record is None or record.data is None:
            raise no_such_subscription(id)
        return None, None

    await change_record(client, SUBSCRIPTION, id, f"webhook subscription {id!r}", gone)


def check_subscription(subscription: Subscription) -> None:
    """Raises ``ConfigError`` naming the field."""
    check_address(subscription.url)
    if not SHORTEST_SECRET <= len(subscription.secret) <= LONGEST_SECRET or not subscription.secret.isascii():
        raise ConfigError(
            f"secret: give {SHORTEST_SECRET} to {LONGEST_SECRET} ASCII characters, or none to have one made"
        )
    if not subscription.events:
        raise ConfigError("events: none is given; give completed, failed, cancelled, or some of them")
    if not 0 < subscription.timeout_ms <= LONGEST_TIMEOUT_MS:
        raise ConfigError(f"timeout_ms: {subscription.timeout_ms:,} is not usable; give 1 to {LONGEST_TIMEOUT_MS:,}")
    if subscription.queue:
        check_name(subscription.queue, "queue")
    for what, names in (
        ("queues", subscription.queues),
        ("tasks", subscription.tasks),
        ("tags", subscription.tags),
    ):
        if len(names) > MOST_NAMES:
            raise ConfigError(f"{what}: {len(names)} are given and the limit is {MOST_NAMES}")
        for name in names:
            check_text(name, what, 128)


async def send_test(client: Client, subscription: Subscription, id: str | None = None) -> str:
    """Make a delivery that says ``webhook.test``, tried once; answers its id. Raises ``ConfigError``."""
    end = JobEnd[None](job_id="0" * 32, task="abaca.test", status=Status.COMPLETED, attempts=1)
    job = NewJob(
        id=id or new_id(),
        task=WEBHOOK,
        lane="async",
        queue=subscription.queue or end.queue,
        args=_encode({"subscription": subscription.id, "test": True, "end": end}),
        tags=(delivery_tag(subscription.id),),
        owner=subscription.owner,
        retry=RetryRule(max_attempts=1),
        timeout_ms=subscription.timeout_ms * DELIVERY_RUN,
        keep=DELIVERY_KEEP,
    )
    receipt = await client.insert(job)
    if receipt.outcome is Inserted.REFUSED:
        raise ConfigError(f"the delivery was not stored: {receipt.reason}")
    return job.id


async def stored_retention(client: Client) -> Retention:
    (record,) = await client.ask(lambda backend: backend.read(RETENTION, [RETENTION]))
    return Retention() if record is None or record.data is None else _retention(record.data)


def changed_retention(stored: Retention, default: Kept | None, tasks: Mapping[str, Kept | None]) -> Retention:
    """``None`` leaves the default, and takes a task out. Raises ``ConfigError``."""
    for name in tasks:
        check_text(name, "tasks", 128)
    changed = {**stored.tasks, **tasks}
    kept = {name: kept for name, kept in changed.items() if kept is not None and kept != Kept()}
    if len(kept) > MOST_TASKS:
        raise ConfigError(f"tasks: retention would be stored of {len(kept):,} and the limit is {MOST_TASKS:,}")
    return Retention(default=stored.default if default is None else default, tasks=kept)


async def change_retention(client: Client, change: Callable[[Retention], Retention]) -> Retention:
    """Raises ``ConfigError``. One that says nothing is not stored."""

    def changed(record: Record | None) -> tuple[Retention, bytes | None]:
        now = Retention() if record is None or record.data is None else _retention(record.data)
        made = change(now)
        return made, None if made == Retention() else _encode(made)

    return await change_record(client, RETENTION, RETENTION, "the stored retention", changed)


async def _put(record: Record, backend: Backend) -> list[Verdict]:
    return await backend.put([record])
