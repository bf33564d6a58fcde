"""Keys: one live job holds one, and every end of it lets go."""

from __future__ import annotations

from abaca.backend import Backend
from abaca.model import Change, Inserted, Receipt
from abaca.testing.conformance.making import (
    back,
    claim,
    fail,
    finish,
    ids,
    insert,
    job_id,
    make,
    numbered,
    settle,
    start,
)


class TestKeys:
    async def test_a_live_key_is_held(self, store: Backend) -> None:
        # Given a waiting job with a key
        await insert(store, make(1, key="k"))
        # When another asks for the key
        receipts = await store.insert([make(2, key="k")])
        # Then the holder is named and nothing was stored
        assert receipts == [Receipt(id=job_id(1), outcome=Inserted.HELD)]
        assert await store.get([job_id(2)]) == [None]

    async def test_a_running_job_holds_its_key(self, store: Backend) -> None:
        # Given a running job with a key
        await start(store, make(1, key="k"))
        # When another asks for the key
        outcomes = await insert(store, make(2, key="k"))
        # Then it is held
        assert outcomes == [Inserted.HELD]

    async def test_a_job_that_goes_back_keeps_its_key(self, store: Backend) -> None:
        # Given a job with a key that will be retried
        job = await start(store, make(1, key="k"))
        await settle(store, back(job))
        # When another asks for the key
        outcomes = await insert(store, make(2, key="k"))
        # Then it is held
        assert outcomes == [Inserted.HELD]

    async def test_the_id_is_judged_before_the_key(self, store: Backend) -> None:
        # Given a holder of a key, and another stored job
        await insert(store, make(1, key="k"), make(2))
        # When the other's id comes again with the key
        outcomes = await insert(store, make(2, key="k"))
        # Then the id is known
        assert outcomes == [Inserted.KNOWN]

    async def test_completion_releases_the_key(self, store: Backend) -> None:
        # Given a completed job with a key
        await finish(store, make(1, key="k"))
        # When another asks for the key
        outcomes = await insert(store, make(2, key="k"))
        # Then it gets it
        assert outcomes == [Inserted.INSERTED]

    async def test_failure_releases_the_key(self, store: Backend) -> None:
        # Given a failed job with a key
        await settle(store, fail(await start(store, make(1, key="k"))))
        # When another asks for the key
        outcomes = await insert(store, make(2, key="k"))
        # Then it gets it
        assert outcomes == [Inserted.INSERTED]

    async def test_cancelling_releases_the_key(self, store: Backend) -> None:
        # Given a cancelled job with a key
        await insert(store, make(1, key="k"))
        await store.cancel([job_id(1)])
        # When another asks for the key
        outcomes = await insert(store, make(2, key="k"))
        # Then it gets it
        assert outcomes == [Inserted.INSERTED]

    async def test_deleting_releases_the_key(self, store: Backend) -> None:
        # Given a deleted job with a key
        await insert(store, make(1, key="k"))
        await store.amend([Change(id=job_id(1), delete=True)])
        # When another asks for the key
        outcomes = await insert(store, make(2, key="k"))
        # Then it gets it
        assert outcomes == [Inserted.INSERTED]

    async def test_the_end_of_an_older_job_leaves_the_key_with_its_new_holder(self, store: Backend) -> None:
        # Given a key that went from one ended job to the next
        await finish(store, make(1, key="k"))
        await insert(store, make(2, key="k"))
        # When the older one is deleted
        await store.amend([Change(id=job_id(1), delete=True)])
        # Then the key is still held
        assert await insert(store, make(3, key="k")) == [Inserted.HELD]

    async def test_keys_are_told_apart_from_each_other(self, store: Backend) -> None:
        # Given two keys of which one starts with the other
        outcomes = await insert(store, make(1, key="k"), make(2, key="k:1"), make(3, key=""))
        # When the jobs are claimed
        jobs = await claim(store)
        # Then all three were stored
        assert outcomes == [Inserted.INSERTED] * 3
        assert ids(jobs) == numbered(1, 2, 3)
