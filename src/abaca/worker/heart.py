"""Renews leases and brings back what the store says of the runs: cancelled, or no longer ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from abaca.backend import MAX_BATCH, Backend
from abaca.buggify import buggify
from abaca.logs import worker_log
from abaca.model import Beat, Card, Lease, Pulse
from abaca.worker.held import HeldRun
from abaca.worker.runs import RunKey, StopReason

_SHARE_OF_LEASE = 3
_MARGIN_SHARE = 0.1
_LOOK_UP = 0.25
_AFTER_FAILURE = 1.0

Held = Callable[[], list[tuple[RunKey, HeldRun]]]


class Heart:
    """Beats every ``beat`` seconds, and at least three times within the shortest lease held.

    Trust in a lease runs on this process's monotonic clock from the moment the renewal was sent, less a margin: a
    worker that cannot renew in time stops the run itself.
    """

    def __init__(
        self,
        backend: Backend,
        lease: Lease,
        *,
        held: Held,
        stop: Callable[[RunKey, StopReason], None],
        card: Callable[[], Card],
        beat: float = 5.0,
        beaten: Callable[[float | None], None] = lambda sent_at: None,
    ) -> None:
        self._backend = backend
        self._lease = lease
        self._held = held
        self._stop = stop
        self._card = card
        self._beat = beat
        self._beaten = beaten
        self._failing = False

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat_on())
            group.create_task(self._watch_leases())

    async def _beat_on(self) -> None:
        while True:
            started = time.monotonic()
            await self.beat_once()
            await self._pause(started)

    async def _pause(self, started: float) -> None:
        """Until the next beat is due. Looks up now and then: a job with a short lease of its own may have come."""
        # Time passes by itself: there is no event to wait for.
        while (left := started + self._interval() - time.monotonic()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(left, _LOOK_UP))

    def _interval(self) -> float:
        usual = min(self._beat, self._shortest_lease() / _SHARE_OF_LEASE)
        return min(usual, _AFTER_FAILURE) if self._failing else usual

    def _shortest_lease(self) -> float:
        held = (run.lease_ms for _, run in self._held() if not run.lost)
        return min(min(held, default=self._lease.ms), self._lease.ms) / 1000

    async def _watch_leases(self) -> None:
        """Apart from the beats, because one that hangs is the very case in which leases end."""
        while True:
            await asyncio.sleep(min(_LOOK_UP, self._shortest_lease() * _MARGIN_SHARE / 2))
            self._fence()

    async def beat_once(self) -> None:
        """One round of beats for all runs held now; ``beaten`` is told when it was sent, or ``None`` when it failed."""
        sent_at: float | None = time.monotonic()
        held = [(key, run) for key, run in self._held() if not run.lost]
        card: Card | None = self._card()
        for start in range(0, max(len(held), 1), MAX_BATCH):
            if not await self._beat_batch(card, held[start : start + MAX_BATCH]):
                sent_at = None
            card = None
        self._beaten(sent_at)

    async def _beat_batch(self, card: Card | None, held: list[tuple[RunKey, HeldRun]]) -> bool:
        sent_at = time.monotonic()
        beats = [Beat(id=id, epoch=epoch) for (id, epoch), _ in held]
        try:
            async with asyncio.timeout(max(self._lease.ms / 1000 / _SHARE_OF_LEASE, 0.2)):
                pulses = await self._backend.beat(card, beats, self._lease)
        except Exception as error:  # whatever a store raises, the heart goes on
            if not self._failing:
                worker_log().warning(
                    "beat failed, trying again", error=str(error) or "no answer in time", runs=len(beats)
                )
            self._failing = True
            return False
        self._failing = False
        buggify("heart.after_beat")
        for (key, run), pulse in zip(held, pulses, strict=True):
            self._hear(key, run, pulse, sent_at)
        return True

    def _hear(self, key: RunKey, run: HeldRun, pulse: Pulse, sent_at: float) -> None:
        if not pulse.alive:
            self._lose(key, run)
            return
        run.trusted_from = sent_at
        if pulse.cancel:
            self._stop(key, StopReason.CANCELLED)

    def _fence(self) -> None:
        now = time.monotonic()
        for key, run in self._held():
            if not run.lost and run.fenced(now, run.lease_ms / 1000 * _MARGIN_SHARE):
                self._lose(key, run)

    def _lose(self, key: RunKey, run: HeldRun) -> None:
        """Stop the run for good. It is not beaten for again: what it may still do counts for nothing."""
        run.lost = True
        self._stop(key, StopReason.LOST)
