"""What operators have set for all jobs, as a process that settles jobs knows it: read again and again, and believed
for a beat."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec

from abaca.backend import MAX_BATCH, Backend
from abaca.errors import BackendUnavailable
from abaca.logs import worker_log
from abaca.model import NO_POLICIES, RETENTION, SUBSCRIPTION, Policies, Record, Retention, Subscription

BELIEVED_FOR = 5.0
"""Seconds for which what was read is believed, where nothing else is said: a worker's beat."""
_AFTER_FAILURE = 0.5

_subscription = msgspec.json.Decoder(Subscription).decode
_retention = msgspec.json.Decoder(Retention).decode


async def read_policies(backend: Backend) -> Policies:
    """Those that are stored now; one that cannot be read is left out."""
    subscriptions = [each for record in await _scan(backend) if (each := readable_subscription(record)) is not None]
    (record,) = await backend.read(RETENTION, [RETENTION])
    retention = Retention() if record is None else _kept(record)
    policies = Policies(subscriptions=tuple(subscriptions), retention=retention)
    return NO_POLICIES if policies == NO_POLICIES else policies


async def read_subscription(backend: Backend, id: str) -> Subscription | None:
    (record,) = await backend.read(SUBSCRIPTION, [id])
    return None if record is None else readable_subscription(record)


class PolicyReader:
    """One for each connection that settles. ``current`` is what was read last."""

    def __init__(
        self, backend: Backend, believed_for: float = BELIEVED_FOR, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._backend = backend
        self._believed_for = believed_for
        self._now = now
        self._read_at = float("-inf")
        self.current: Policies = NO_POLICIES
        self.known = asyncio.Event()

    async def fresh(self) -> Policies:
        """The policies, read again when they are old.

        While the store is away, those that were read last; raises ``BackendUnavailable`` where none ever were: what
        would be decided without them is decided for good.
        """
        if self._now() - self._read_at >= self._believed_for:
            try:
                await self._read()
            except BackendUnavailable:
                if not self.known.is_set():
                    raise
        return self.current

    async def _read(self) -> None:
        self.current = await read_policies(self._backend)
        self._read_at = self._now()
        self.known.set()

    async def run(self) -> None:
        """Read again and again, for those who look at ``current``."""
        while True:
            pause = self._believed_for
            try:
                await self._read()
            except BackendUnavailable:
                pause = min(pause, _AFTER_FAILURE)  # the heart says so already
            except Exception as error:
                worker_log().error("reading subscriptions and retention failed, trying again", error=repr(error))
            await asyncio.sleep(pause)


async def _scan(backend: Backend) -> list[Record]:
    found: list[Record] = []
    while True:
        records = await backend.scan(SUBSCRIPTION, found[-1].id if found else "", MAX_BATCH)
        found += records
        if len(records) < MAX_BATCH:
            return found


def readable_subscription(record: Record) -> Subscription | None:
    try:
        return None if record.data is None else _subscription(record.data)
    except msgspec.MsgspecError as error:
        worker_log().error("a webhook subscription cannot be read and is left out", id=record.id, error=str(error))
        return None


def _kept(record: Record) -> Retention:
    try:
        return Retention() if record.data is None else _retention(record.data)
    except msgspec.MsgspecError as error:
        worker_log().error("the stored retention cannot be read and is left out", error=str(error))
        return Retention()
