"""The registry of workers: cards that beats bring and time takes away."""

from __future__ import annotations

from abaca.backend import CARD_LIFE_MS, Backend
from abaca.clock import ManualClock
from abaca.model import Card, State
from abaca.testing.conformance.making import LEASE, fetch, make, start

LIFE = CARD_LIFE_MS / 1000


async def names(store: Backend) -> list[str]:
    return sorted(card.id for card in (await store.stats()).workers)


class TestRegistry:
    async def test_a_beat_with_a_card_lists_the_worker(self, store: Backend, clock: ManualClock) -> None:
        # Given a worker with everything on its card
        card = Card(
            id="w",
            name="näme",
            host="h",
            pid=7,
            started_at=5,
            queues=("a", "b"),
            tasks=("t",),
            slots={"": 3, "cpu": 1},
            running=("j",),
            processed=10,
            succeeded=8,
            failed=2,
            busy_ms=99,
            draining=True,
        )
        # When it beats
        await store.beat(card, [], LEASE)
        # Then the card is listed as it is, with the time at which the store saw it
        (listed,) = (await store.stats()).workers
        assert listed.seen_at == clock.now()
        assert [getattr(listed, name) for name in FIELDS] == [getattr(card, name) for name in FIELDS]

    async def test_a_newer_card_takes_the_place_of_the_older(self, store: Backend) -> None:
        # Given a worker that was listed
        await store.beat(Card(id="w", processed=1), [], LEASE)
        # When it beats again
        await store.beat(Card(id="w", processed=2), [], LEASE)
        # Then only the newer card is there
        assert [card.processed for card in (await store.stats()).workers] == [2]

    async def test_a_silent_worker_is_no_longer_listed(self, store: Backend, clock: ManualClock) -> None:
        # Given two workers of which one goes on beating
        await store.beat(Card(id="silent"), [], LEASE)
        clock.advance(LIFE - 1)
        await store.beat(Card(id="alive"), [], LEASE)
        before = await names(store)
        # When the life of a card is over
        clock.advance(2)
        # Then the silent one is gone, and not earlier
        assert (before, await names(store)) == (["alive", "silent"], ["alive"])

    async def test_a_beat_without_a_card_leaves_the_registry(self, store: Backend, clock: ManualClock) -> None:
        # Given a listed worker
        await store.beat(Card(id="w"), [], LEASE)
        clock.advance(LIFE - 1)
        # When it beats without its card
        await store.beat(None, [], LEASE)
        clock.advance(2)
        # Then the card has run out
        assert await names(store) == []

    async def test_signing_off_takes_the_card_and_leaves_the_leases(self, store: Backend) -> None:
        # Given two listed workers, one of which holds a job
        await store.beat(Card(id=LEASE.worker), [], LEASE)
        await store.beat(Card(id="other"), [], LEASE)
        job = await start(store, make(1))
        # When that one signs off, twice
        await store.sign_off(LEASE.worker)
        await store.sign_off(LEASE.worker)
        # Then only the other is listed, and the job runs on
        assert await names(store) == ["other"]
        assert (await fetch(store, job.id)).state is State.RUNNING


FIELDS = [name for name in Card.__struct_fields__ if name != "seen_at"]
