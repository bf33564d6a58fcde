"""``Idempotency-Key``: a POST that is sent again does its work once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from abaca.app import App
from abaca.backends.memory import MemoryBackend
from abaca.clock import ManualClock
from abaca.codec import new_id
from abaca.codec.ids import seeded_id
from abaca.http.idempotency import UNDER_WAY, Answers
from abaca.keys import create_key
from abaca.model import NewJob, Receipt
from abaca.testing.failing import FailingBackend
from tests.http.harness import Api, serving

BARE = {"task": "t", "pool": "async"}


def keyed(key: str = "k-1", **more: str) -> dict[str, str]:
    return {"Idempotency-Key": key, **more}


async def count(api: Api) -> int:
    return len((await api.app.find()).jobs)


async def test_the_same_request_gets_the_same_answer_and_stores_one_job() -> None:
    async with serving() as api:
        # When
        first = await api.post("/jobs", BARE, headers=keyed())
        again = await api.post("/jobs", BARE, headers=keyed())
        # Then
        assert "idempotent-replay" not in first.headers
        assert again.headers["idempotent-replay"] == "true"
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers["location"] == first.headers["location"]
        assert await count(api) == 1


async def test_another_request_under_the_same_key_is_refused() -> None:
    async with serving() as api:
        # Given
        await api.post("/jobs", BARE, headers=keyed())
        # When
        body = await api.post("/jobs", {**BARE, "args": {"n": 1}}, headers=keyed())
        path = await api.post("/jobs/batch", {"jobs": [BARE]}, headers=keyed())
        # Then
        assert (body.status_code, path.status_code) == (422, 422)
        assert body.json()["error"]["field"] == "Idempotency-Key"
        assert await count(api) == 1


async def test_a_key_belongs_to_who_shows_it() -> None:
    async with serving() as api:
        # Given
        headers = []
        for name in ("ada", "bob"):
            _, text = await create_key(api.app.client(), name)
            headers.append(keyed(Authorization=f"Bearer {text}"))
        # When
        answers = [await api.post("/jobs", BARE, headers=one) for one in headers]
        # Then
        assert answers[0].json()["id"] != answers[1].json()["id"]
        assert await count(api) == 2


async def test_a_refusal_is_repeated_too_and_a_store_that_is_away_is_not() -> None:
    # Given
    backend = FailingBackend(MemoryBackend(ManualClock()))
    async with serving(backend=backend) as api:
        await api.get("/jobs")
        refused = await api.post("/jobs", {"task": "unheard"}, headers=keyed("a"))
        # When
        again = await api.post("/jobs", {"task": "unheard"}, headers=keyed("a"))
        backend.lose("request", "insert", times=4)
        lost = await api.post("/jobs", BARE, headers=keyed("b"))
        back = await api.post("/jobs", BARE, headers=keyed("b"))
        # Then
        assert (refused.status_code, again.status_code) == (422, 422)
        assert again.headers["idempotent-replay"] == "true"
        assert (lost.status_code, back.status_code) == (503, 202)
        assert "idempotent-replay" not in back.headers
        assert await count(api) == 1


async def test_a_reply_that_was_lost_stores_no_second_job() -> None:
    # Given: the store has the job, and nobody hears of it
    backend = FailingBackend(MemoryBackend(ManualClock()))
    async with serving(backend=backend) as api:
        await api.get("/jobs")
        backend.lose("reply", "insert", times=4)
        # When
        lost = await api.post("/jobs", BARE, headers=keyed())
        again = await api.post("/jobs", BARE, headers=keyed())
        # Then
        assert lost.status_code == 503
        assert (again.status_code, again.json()["outcome"]) == (202, "known")
        assert await count(api) == 1


class Dying(FailingBackend):
    """A store whose caller dies in the moment in which its insert is done."""

    def __init__(self, inner: MemoryBackend) -> None:
        super().__init__(inner)
        self.inserted = asyncio.Event()
        self.buried = asyncio.Event()
        self.dies = True

    async def insert(self, jobs: Sequence[NewJob]) -> list[Receipt]:
        receipts = await super().insert(jobs)
        if self.dies:
            self.dies = False
            self.inserted.set()
            await self.buried.wait()
        return receipts


async def test_a_service_that_dies_before_the_answer_is_taken_over_from_with_the_same_ids() -> None:
    # Given
    backend = Dying(MemoryBackend(ManualClock()))
    now = 1000.0
    many: dict[str, Any] = {"jobs": [{**BARE, "args": {"n": n}} for n in range(3)]}
    async with serving(App(backend=backend)) as first, serving(App(backend=backend)) as second:
        for api in (first, second):
            api.service.service.answers = Answers(lambda: now)
        dying = asyncio.create_task(first.post("/jobs/batch", many, headers=keyed()))
        await backend.inserted.wait()
        dying.cancel()
        # When
        early = await second.post("/jobs/batch", many, headers=keyed())
        now += UNDER_WAY + 1
        late = await second.post("/jobs/batch", many, headers=keyed())
        again = await second.post("/jobs/batch", many, headers=keyed())
        # Then
        assert (early.status_code, early.json()["error"]["code"]) == (409, "conflict")
        assert int(early.headers["retry-after"]) >= 1
        assert [item["outcome"] for item in late.json()["items"]] == ["known"] * 3
        assert again.json() == late.json()
        assert await count(second) == 3
        backend.buried.set()


async def test_of_two_at_once_one_works_and_the_other_is_told_to_wait() -> None:
    async with serving() as api:
        # When
        answers = await asyncio.gather(
            *(api.post("/jobs?wait=0.2", BARE, headers=keyed()) for _ in range(2)),
        )
        # Then
        assert sorted(answer.status_code for answer in answers) == [202, 409]
        assert await count(api) == 1


async def test_an_answer_that_is_too_large_is_worked_out_again() -> None:
    async with serving() as api:
        # Given
        asked = asyncio.create_task(api.post("/jobs/run", BARE, headers=keyed()))
        await api.complete(await api.claim(hold_ms=30_000), "x" * 300_000)
        first = await asked
        # When
        again = await api.post("/jobs/run", BARE, headers=keyed())
        # Then
        assert len(first.json()["result"]) == 300_000
        assert again.json() == first.json()
        assert await count(api) == 1


async def test_acts_upon_jobs_are_repeated_as_well() -> None:
    async with serving() as api:
        # Given
        id = (await api.post("/jobs", BARE)).json()["id"]
        # When
        answers = [await api.post(f"/jobs/{id}/cancel", headers=keyed()) for _ in range(2)]
        # Then
        assert [answer.status_code for answer in answers] == [202, 202]


def test_ids_of_one_seed_are_ids_in_its_time_and_differ() -> None:
    # Given
    seed = new_id()
    # When
    ids = [seeded_id(seed, number) for number in range(1000)]
    # Then
    assert len(set(ids)) == 1000
    assert {(len(id), id[:12], id[12], id[30:]) for id in ids} == {(32, seed[:12], "7", seed[30:])}
    assert {id[16] for id in ids} <= set("89ab")
    assert seeded_id(seed, 5) == ids[5]
