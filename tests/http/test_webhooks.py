"""``/webhooks``: subscriptions, who sees them, what is delivered, and delivering it again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from abaca import App, verify_webhook
from abaca.backends.memory import MemoryBackend
from abaca.http.caller import Scope
from abaca.keys import create_key
from abaca.webhooks import DELIVERY_HEADER
from tests.http.harness import Api, serving
from tests.receiver import receiving, says

HERE = ["127.0.0.0/8"]
URL = "https://shop.example/hook"


def make_app() -> App:
    """By the clock of this machine: its worker waits for nothing that only a test would move."""
    app = App(backend=MemoryBackend(), poll_interval=0.05)

    @app.task(retry=None)
    async def resize(path: str) -> str:
        if path == "broken":
            raise ValueError("no picture")
        return path

    @app.task
    async def publish(path: str) -> None: ...

    return app


@asynccontextmanager
async def working(api: Api, beat: float = 0.05) -> AsyncIterator[None]:
    async with api.app.worker(webhook_allow=HERE, lease=3.0, beat=beat):
        yield


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving(make_app()) as served:
        yield served


async def subscribed(api: Api, url: str, **fields: Any) -> dict[str, Any]:
    answer = await api.post("/webhooks", {"url": url, **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/api/v1/webhooks/{made['id']}"
    return made


async def ran(api: Api, task: str = "resize", path: str = "cat.png", **options: Any) -> dict[str, Any]:
    body = {"task": task, "args": {"path": path}, "retry": {"max_attempts": 1}, **options}
    answer = await api.post("/jobs/run?wait=30", body)
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()
    return job


async def deliveries(api: Api, count: int, path: str = "/webhooks/deliveries") -> list[dict[str, Any]]:
    """All of them, once each has ended."""
    found = (await api.get(path)).json()["items"]
    assert len(found) == count, found
    for one in found:
        await api.get(f"/jobs/{one['id']}?wait=30")
    items: list[dict[str, Any]] = (await api.get(path)).json()["items"]
    return items


async def test_an_end_is_told_to_whoever_subscribed_and_signed_with_the_secret_shown_once(api: Api) -> None:
    async with receiving() as receiver:
        # Given a subscription
        made = await subscribed(api, receiver.url, events=["completed"])
        # When a job completes
        async with working(api):
            job = await ran(api, tags=["web"])
            (delivery,) = await deliveries(api, 1)
        (request,) = receiver.requests
    # Then it was told, and the receiver can tell that it is genuine
    assert verify_webhook(made["secret"], request.headers, request.body) == delivery["id"]
    told = json.loads(request.body)
    assert (told["event"], told["job"]["id"], told["job"]["result"]) == ("job.completed", job["id"], "cat.png")
    assert (delivery["webhook"], delivery["status"], delivery["answered"]) == (made["id"], "completed", 200)
    assert (delivery["event"], delivery["job_id"], delivery["task"]) == ("job.completed", job["id"], "resize")
    # And nobody is shown the secret again
    assert (await api.get(f"/webhooks/{made['id']}")).json()["secret"] == "***"
    assert made["secret"] not in (await api.get("/webhooks")).text
    assert made["secret"] not in (await api.get(f"/jobs/{delivery['id']}")).text


async def test_subscriptions_hear_of_what_fits_them_and_of_no_deliveries(api: Api) -> None:
    async with receiving() as receiver:
        # Given one for everything and one for some failures
        await subscribed(api, receiver.url)
        narrow = await subscribed(api, receiver.url, events=["failed"], filter={"tags": ["web", "x"]})
        # When jobs end
        async with working(api):
            await ran(api)
            await ran(api, path="broken", tags=["web"])
            await ran(api, "publish")
            await deliveries(api, 4)
            (one,) = (await api.get(f"/webhooks/{narrow['id']}/deliveries")).json()["items"]
        told = {request.headers[DELIVERY_HEADER.lower()]: json.loads(request.body) for request in receiver.requests}
    # Then each end is told to whom it concerns (twice, if the answer took too long), and no delivery to anybody
    assert sorted(each["job"]["status"] for each in told.values()) == ["completed", "completed", "failed", "failed"]
    assert one["event"] == "job.failed"


async def test_a_waiting_job_that_is_cancelled_is_told_though_no_worker_ended_it(api: Api) -> None:
    async with receiving() as receiver:
        await subscribed(api, receiver.url, events=["cancelled"])
        waits = (await api.post("/jobs", {"task": "resize", "args": {"path": "a"}, "delay_ms": 3_600_000})).json()["id"]
        many = (await api.post("/jobs", {"task": "resize", "args": {"path": "b"}, "delay_ms": 3_600_000})).json()["id"]
        # When one is cancelled by its id and one by a filter
        await api.post(f"/jobs/{waits}/cancel")
        await api.post("/jobs/cancel", {"filter": {"task": "resize"}})
        # Then each is told once
        async with working(api):
            await deliveries(api, 2)
        told = [json.loads(request.body) for request in receiver.requests]
    assert {(each["event"], each["job"]["id"]) for each in told} == {("job.cancelled", waits), ("job.cancelled", many)}
    # And a repeated cancel tells nobody
    assert (await api.post(f"/jobs/{waits}/cancel")).status_code == 409
    # But one that is requeued and cancelled again is told again
    await api.post(f"/jobs/{waits}/requeue")
    await api.post(f"/jobs/{waits}/cancel")
    assert len((await api.get("/webhooks/deliveries")).json()["items"]) == 3


async def test_a_delivery_that_was_given_up_is_replayed_to_where_the_subscription_points_now(api: Api) -> None:
    async with receiving() as receiver:
        receiver.will(says(410), says(200))
        made = await subscribed(api, receiver.url + "/old")
        async with working(api):
            # Given a delivery whose receiver has gone
            await ran(api)
            (failed,) = await deliveries(api, 1)
            assert (failed["status"], failed["answered"]) == ("failed", None)
            assert "410 Gone" in failed["error"]
            listed = (await api.get(f"/webhooks/{made['id']}/deliveries?status=failed")).json()["items"]
            assert [each["id"] for each in listed] == [failed["id"]]
            assert (await api.get(f"/webhooks/{made['id']}/deliveries?status=completed")).json()["items"] == []
            # When the address is repaired and it is replayed
            await api.put(f"/webhooks/{made['id']}", {"url": receiver.url})
            answer = await api.post(f"/webhooks/deliveries/{failed['id']}/replay?wait=30")
        lines = [request.line for request in receiver.requests]
        same = {request.headers["abaca-delivery"] for request in receiver.requests}
    assert (answer.status_code, answer.json()["status"], answer.json()["answered"]) == (202, "completed", 200)
    assert lines == ["POST /hook/old HTTP/1.1", "POST /hook HTTP/1.1"]
    assert same == {failed["id"]}


async def test_only_a_delivery_that_has_ended_is_replayed(api: Api) -> None:
    # Given a job that is no delivery, and a delivery that waits
    await subscribed(api, URL, events=["cancelled"])
    id = (await api.post("/jobs", {"task": "resize", "args": {"path": "a"}, "delay_ms": 60_000})).json()["id"]
    await api.post(f"/jobs/{id}/cancel")
    (waiting,) = (await api.get("/webhooks/deliveries")).json()["items"]
    # When each is replayed, then each is refused for its own reason
    assert (await api.post(f"/webhooks/deliveries/{id}/replay")).json()["error"]["code"] == "webhook_not_found"
    assert (await api.post(f"/webhooks/deliveries/{waiting['id']}/replay")).status_code == 409


async def test_a_test_is_delivered_also_where_the_subscription_is_disabled(api: Api) -> None:
    async with receiving() as receiver:
        made = await subscribed(api, receiver.url, enabled=False)
        async with working(api):
            answer = await api.post(f"/webhooks/{made['id']}/test?wait=30")
        (request,) = receiver.requests
    sent = answer.json()
    assert (answer.status_code, sent["event"], sent["status"], sent["job_id"]) == (
        202,
        "webhook.test",
        "completed",
        None,
    )
    assert (request.headers["abaca-event"], json.loads(request.body)["event"]) == ("webhook.test", "webhook.test")
    verify_webhook(made["secret"], request.headers, request.body)


@pytest.mark.parametrize("change", ["delete", "disable"])
async def test_what_waits_for_a_subscription_that_is_gone_or_disabled_is_not_sent(api: Api, change: str) -> None:
    async with receiving() as receiver:
        # Given a delivery that waits
        made = await subscribed(api, receiver.url, events=["cancelled"])
        id = (await api.post("/jobs", {"task": "resize", "args": {"path": "a"}, "delay_ms": 60_000})).json()["id"]
        await api.post(f"/jobs/{id}/cancel")
        # When its subscription goes
        if change == "delete":
            assert (await api.delete(f"/webhooks/{made['id']}")).status_code == 204
            assert (await api.get(f"/webhooks/{made['id']}")).status_code == 404
        else:
            await api.put(f"/webhooks/{made['id']}", {"enabled": False})
        # Then it fails, and says why
        async with working(api):
            (delivery,) = await deliveries(api, 1)
        assert receiver.requests == []
    assert delivery["status"] == "failed"
    assert made["id"] in delivery["error"]


async def test_a_running_worker_hears_of_a_subscription_within_a_beat(api: Api) -> None:
    async with receiving() as receiver, working(api):
        # Given a worker that works already
        await ran(api)
        made = await subscribed(api, receiver.url)
        # When jobs go on ending
        while not (await api.get(f"/webhooks/{made['id']}/deliveries")).json()["items"]:
            await ran(api)
        # Then from some beat on each of them is told
        last = await ran(api)
        told = (await api.get(f"/webhooks/{made['id']}/deliveries?limit=1")).json()["items"]
    assert [each["job_id"] for each in told] == [last["id"]]


async def test_a_remote_workers_ends_are_told_too(api: Api) -> None:
    # Given a subscription, and a job of a worker that speaks HTTP
    await subscribed(api, URL)
    claim = {"worker": "js", "queues": ["remote"], "tasks": ["shrink"], "slots": 1}
    await api.post("/worker/claim", claim)
    id = (await api.post("/jobs", {"task": "shrink", "queue": "remote"})).json()["id"]
    (run,) = (await api.post("/worker/claim", claim)).json()["items"]
    # When it settles
    ended = {"id": id, "epoch": run["epoch"], "outcome": {"type": "completed", "result": 7}}
    await api.post("/worker/settle", {"worker": "js", "runs": [ended]})
    # Then the delivery is there
    (delivery,) = (await api.get("/webhooks/deliveries")).json()["items"]
    assert (delivery["job_id"], delivery["event"]) == (id, "job.completed")


async def test_a_key_sees_its_owners_subscriptions_and_hears_of_its_owners_jobs() -> None:
    async with serving(make_app()) as admin:
        client = admin.app.client()
        _, alice = await create_key(client, "alice")
        _, bob = await create_key(client, "bob")
        _, root = await create_key(client, "root", scopes=[Scope.ADMIN])
        admin.forget_callers()

        def as_(key: str) -> dict[str, Any]:
            return {"headers": {"Authorization": f"Bearer {key}"}}

        # Given a subscription of alice's and one of an admin's for everybody
        hers = (await admin.post("/webhooks", {"url": URL, "events": ["cancelled"]}, **as_(alice))).json()
        all_ = (await admin.post("/webhooks", {"url": URL, "events": ["cancelled"]}, **as_(root))).json()
        assert (hers["owner"], hers["filter"]["owner"]) == ("alice", "alice")
        assert (all_["owner"], all_["filter"]["owner"]) == ("root", None)
        # Then bob sees neither, and may not ask for her jobs
        assert (await admin.get("/webhooks", **as_(bob))).json()["items"] == []
        for verb in (admin.get, admin.delete):
            assert (await verb(f"/webhooks/{hers['id']}", **as_(bob))).status_code == 404
        spying = {"url": URL, "filter": {"owner": "alice"}}
        assert (await admin.post("/webhooks", spying, **as_(bob))).status_code == 403
        assert len((await admin.get("/webhooks", **as_(root))).json()["items"]) == 2
        # When a job of each is cancelled
        for key in (alice, bob):
            job = {"task": "resize", "args": {"path": "a"}, "pool": "async", "delay_ms": 60_000}
            id = (await admin.post("/jobs", job, **as_(key))).json()["id"]
            await admin.post(f"/jobs/{id}/cancel", **as_(key))
        # Then she hears of her own, the admin of both, and each sees its own deliveries
        owners = [len((await admin.get("/webhooks/deliveries", **as_(key))).json()["items"]) for key in (alice, bob)]
        assert owners == [1, 0]
        assert len((await admin.get(f"/webhooks/{all_['id']}/deliveries", **as_(root))).json()["items"]) == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "ftp://x"}, "url"),
        ({"url": "https://user:pass@shop.example/"}, "url"),
        ({"url": URL, "secret": "short"}, "secret"),
        ({"url": URL, "events": []}, "events"),
        ({"url": URL, "events": ["started"]}, "events[0]"),
        ({"url": URL, "timeout_ms": 120_000}, "timeout_ms"),
        ({"url": URL, "queue": "a b"}, "queue"),
        ({"url": URL, "filter": {"task": "x"}}, "filter"),
    ],
)
async def test_a_subscription_that_cannot_work_is_refused_by_field(api: Api, body: dict[str, Any], field: str) -> None:
    answer = await api.post("/webhooks", body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)
    assert (await api.get("/webhooks")).json()["items"] == []


async def test_a_subscription_is_changed_in_part_and_its_secret_can_be_made_anew(api: Api) -> None:
    made = await subscribed(api, URL, filter={"tasks": ["resize"]}, description="shop")
    changed = (await api.put(f"/webhooks/{made['id']}", {"events": ["failed"]})).json()
    assert (changed["events"], changed["filter"]["tasks"], changed["description"]) == (["failed"], ["resize"], "shop")
    assert changed["secret"] == "***"
    rotated = (await api.put(f"/webhooks/{made['id']}", {"rotate_secret": True})).json()["secret"]
    assert rotated.startswith("whsec_")
    assert rotated != made["secret"]
    assert (await api.put("/webhooks/nothing", {"enabled": True})).json()["error"]["code"] == "webhook_not_found"


async def test_an_owner_has_so_many_subscriptions_and_a_list_has_pages(api: Api) -> None:
    made = [await subscribed(api, f"{URL}/{n}") for n in range(16)]
    assert (await api.post("/webhooks", {"url": URL})).status_code == 422
    first = (await api.get("/webhooks?limit=10")).json()
    rest = (await api.get(f"/webhooks?limit=10&cursor={first['next_cursor']}")).json()
    assert sorted(each["id"] for each in (*first["items"], *rest["items"])) == sorted(each["id"] for each in made)
    assert rest["next_cursor"] is None


async def test_a_repeated_request_subscribes_once(api: Api) -> None:
    key = {"headers": {"Idempotency-Key": "hook-1"}}
    first, again = [(await api.post("/webhooks", {"url": URL}, **key)).json() for _ in range(2)]
    assert first == again
    assert len((await api.get("/webhooks")).json()["items"]) == 1
