"""``/queues`` and ``/workers``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from abaca.model import Card, Lease
from abaca.orders import told_to_drain
from tests.http.harness import Api, serving


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving() as served:
        yield served


async def wait_in(api: Api, queue: str, count: int) -> None:
    for _ in range(count):
        await api.app.enqueue_by_name("render", {}, queue=queue, pool="async")


async def test_a_queue_tells_what_waits_in_it_and_since_when(api: Api) -> None:
    # Given
    await wait_in(api, "mail", 2)
    await api.app.enqueue_by_name("render", {}, queue="mail", pool="async", delay=60)
    api.clock.advance(5)

    # When
    queue = (await api.get("/queues/mail")).json()

    # Then
    assert (queue["due"], queue["later"], queue["blocked"], queue["by_priority"]) == (2, 1, 0, {"50": 3})
    assert queue["oldest_age_ms"] == 5_000


async def test_queues_with_settings_are_listed_though_nothing_waits(api: Api) -> None:
    # Given
    await wait_in(api, "mail", 1)
    await api.post("/queues/quiet/pause")

    # When
    items = (await api.get("/queues")).json()["items"]

    # Then
    assert [(one["name"], one["due"], one["paused"]) for one in items] == [("mail", 1, False), ("quiet", 0, True)]


async def test_a_queue_is_paused_and_resumed(api: Api) -> None:
    # When
    paused = (await api.post("/queues/mail/pause")).json()["paused"]
    resumed = (await api.post("/queues/mail/resume")).json()["paused"]

    # Then
    assert (paused, resumed) == (True, False)


async def test_what_is_given_of_a_queues_settings_is_changed_and_the_rest_stays(api: Api) -> None:
    # Given
    await api.put("/queues/mail", {"concurrency": 4, "max_length": 100, "weights": {"acme": 3}})

    # When
    answer = (await api.put("/queues/mail", {"concurrency": None, "aging": True})).json()

    # Then
    kept = {name: answer[name] for name in ("concurrency", "max_length", "weights", "aging")}
    assert kept == {"concurrency": None, "max_length": 100, "weights": {"acme": 3}, "aging": True}


async def test_bounds_are_set_and_taken_away_in_one_change(api: Api) -> None:
    # When
    bounds = {"max_length": 5, "max_wait_ms": 1500, "overflow": "shed-lowest"}
    bounded = (await api.put("/queues/mail", bounds)).json()
    free = (await api.put("/queues/mail", {"max_length": None, "max_wait_ms": None, "overflow": "reject"})).json()

    # Then
    assert {name: bounded[name] for name in bounds} == bounds
    assert {name: free[name] for name in bounds} == {"max_length": None, "max_wait_ms": None, "overflow": "reject"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"concurrency": -1}, "concurrency"),
        ({"speed": 3}, "speed"),
        ({"weights": {"acme": 0}}, None),
        ({"overflow": "wait"}, "overflow"),
    ],
)
async def test_settings_that_make_no_sense_are_refused(api: Api, body: dict[str, Any], field: str | None) -> None:
    # When
    answer = await api.put("/queues/mail", body)

    # Then
    assert answer.status_code == 422
    assert field is None or field in (answer.json()["error"]["field"] or answer.json()["error"]["message"])


async def test_a_purge_says_first_how_much_it_would_delete(api: Api) -> None:
    # Given
    await wait_in(api, "mail", 3)

    # When
    first = (await api.post("/queues/mail/purge", {"dry_run": True})).json()
    second = (await api.post("/queues/mail/purge")).json()
    then = await api.get("/queues/mail")

    # Then
    assert (first, second) == ({"deleted": 3, "dry_run": True}, {"deleted": 3, "dry_run": False})
    assert (then.status_code, then.json()["error"]["code"]) == (404, "queue_not_found")


async def test_a_worker_is_seen_and_told_to_drain(api: Api) -> None:
    # Given
    backend = await api.app.backend()
    await backend.beat(Card(id="w1", queues=("mail",), processed=7), [], Lease(worker="w1", ms=1_000))

    # When
    listed = (await api.get("/workers")).json()["items"]
    answer = await api.post("/workers/w1/drain")

    # Then
    assert [(one["id"], one["processed"]) for one in listed] == [("w1", 7)]
    assert answer.status_code == 202
    assert await told_to_drain(backend, "w1")


async def test_a_worker_that_is_not_there_is_told_nothing(api: Api) -> None:
    # When
    answer = await api.post("/workers/w1/drain")

    # Then
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "worker_not_found")
    assert not await told_to_drain(await api.app.backend(), "w1")
