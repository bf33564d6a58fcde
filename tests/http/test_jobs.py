"""Reading and changing jobs over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from abaca.app import App
from abaca.backends.memory import MemoryBackend
from abaca.keys import create_key
from abaca.model import ErrorInfo, Kind, NewUpdate, State, Transition
from tests.http.harness import Api, serving

BARE = {"task": "t", "pool": "async"}
NOBODY = "0" * 32


async def put(api: Api, **options: Any) -> str:
    task = options.pop("task", "t")
    return (await api.app.enqueue_by_name(task, options.pop("args", None), pool="async", **options)).id


async def fail(api: Api) -> None:
    job = await api.claim()
    error = ErrorInfo(type="builtins.OSError", message="no disk", attempt=1)
    await api.settle(job, Transition(target=State.FAILED, attempts=1, error=error, keep_ms=60_000))


async def test_a_job_is_read_by_its_id() -> None:
    async with serving() as api:
        # Given
        id = await put(api, args={"x": 1}, tags=["t"])
        # When
        answer = await api.get(f"/jobs/{id[:8]}-{id[8:]}")
        # Then
        assert answer.status_code == 200
        assert answer.json()["args"] == {"x": 1}
        assert answer.json()["status"] == "queued"
        assert answer.json()["created_at"] == "2030-01-01T00:00:00.000000Z"


async def test_an_unknown_job_is_404_in_the_one_shape_of_errors() -> None:
    async with serving() as api:
        for id in (NOBODY, "x", "<script>"):
            # When
            answer = await api.get(f"/jobs/{id}", headers={"X-Request-Id": "mine-1"})
            # Then
            assert answer.status_code == 404
            assert answer.headers["x-request-id"] == "mine-1"
            error = answer.json()["error"]
            assert error.pop("message")
            assert error == {
                "code": "job_not_found",
                "field": None,
                "details": {},
                "status": 404,
                "request_id": "mine-1",
            }


async def test_an_unknown_path_and_method_have_that_shape_too() -> None:
    async with serving() as api:
        # When
        nowhere, wrong = await api.get("/nothing"), await api.put("/jobs/x", {})
        # Then
        assert nowhere.json()["error"]["code"] == "not_found"
        assert wrong.json()["error"]["code"] == "method_not_allowed"
        assert wrong.json()["error"]["status"] == wrong.status_code == 405


FOUND = [
    ("", "abcd"),
    ("status=queued&status=failed", "abc"),
    ("status=pending,canceled", "abcd"),
    ("task=b", "b"),
    ("type=b", "b"),
    ("queue=mail", "c"),
    ("tag=red", "ac"),
    ("tenant=acme", "b"),
    ("owner=ada", "a"),
    ("user=ada", "a"),
    ("key=k", "c"),
    ("text=needle", "b"),
    ("q=needle", "b"),
    ("created_after=2030-01-01T00:00:01Z", "cd"),
    ("created_before=2030-01-01T00:00:01Z", "a"),
    ("task=a&tag=blue", ""),
]


async def test_a_list_is_narrowed_by_every_filter() -> None:
    async with serving() as api:
        # Given
        made = {"a": await put(api, task="a", tags=["red"], owner="ada")}
        api.clock.advance(1)
        made["b"] = await put(api, task="b", tenant="acme", args={"x": "needle"})
        api.clock.advance(1)
        made["c"] = await put(api, task="c", queue="mail", tags=["red"], key="k")
        made["d"] = await put(api, task="d")
        await api.app.job(made["d"]).cancel()
        for query, found in FOUND:
            # When
            answer = await api.get(f"/jobs?{query}")
            # Then
            assert answer.status_code == 200, answer.text
            assert {item["id"] for item in answer.json()["items"]} == {made[name] for name in found}, query
            assert answer.json()["next_cursor"] is None


async def test_pages_go_through_all_jobs_once() -> None:
    async with serving() as api:
        # Given
        made = {await put(api) for _ in range(7)}
        # When
        seen: list[str] = []
        cursor = ""
        while True:
            page = (await api.get(f"/jobs?limit=3{cursor}")).json()
            seen += [item["id"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        # Then
        assert len(seen) == 7
        assert set(seen) == made


REFUSED = [
    ("limit=501", 422, "limit"),
    ("limit=x", 422, "limit"),
    ("cursor=!!", 400, "cursor"),
    ("status=odd", 422, "status"),
    ("stauts=queued", 422, "stauts"),
    ("task=a&task=b", 422, "task"),
    ("task=a&type=b", 422, "task"),
    ("created_after=yesterday", 422, "created_after"),
]


async def test_a_list_refuses_what_it_does_not_understand() -> None:
    async with serving() as api:
        for query, status, field in REFUSED:
            # When
            answer = await api.get(f"/jobs?{query}")
            # Then
            assert (answer.status_code, answer.json()["error"]["field"]) == (status, field), query


async def test_a_key_lists_the_jobs_of_its_owner() -> None:
    async with serving() as api:
        # Given
        own, _ = await put(api, owner="ada"), await put(api, owner="bob")
        _, text = await create_key(api.app.client(), "ada")
        headers = {"Authorization": f"Bearer {text}"}
        # When
        listed = await api.get("/jobs", headers=headers)
        other = await api.get("/jobs?owner=bob", headers=headers)
        bulk = await api.post("/jobs/cancel", {"filter": {}, "all": True}, headers=headers)
        # Then
        assert [item["id"] for item in listed.json()["items"]] == [own]
        assert other.status_code == 403
        assert bulk.json()["changed"] == 1


async def test_a_wait_ends_with_the_job() -> None:
    async with serving() as api:
        # Given
        id = await put(api)
        job = await api.claim()
        # When
        asked = [asyncio.create_task(api.get(f"/jobs/{id}{path}?wait=50")) for path in ("", "/result")]
        await asyncio.sleep(0.01)  # sleeps: so that the end may come into the wait; it is right in any order
        await api.complete(job, 7)
        view, result = [(await one).json() for one in asked]
        # Then
        assert (view["status"], view["result"]) == ("completed", 7)
        assert (result["status"], result["result"], result["has_result"]) == ("completed", 7, True)


async def test_a_result_is_202_then_200_then_410() -> None:
    async with serving() as api:
        # Given
        id = await put(api)
        path = f"/jobs/{id}/result"
        # When
        early = await api.get(path)
        await api.complete(await api.claim(), {"n": 1})
        there, raw = await api.get(path), await api.get(f"{path}?raw=true")
        forgotten = await api.delete(path)
        gone = await api.get(path)
        api.clock.advance(61)
        await (await api.app.backend()).purge(10)
        tombstone = await api.get(path)
        # Then
        assert (early.status_code, early.json()) == (202, {"id": id, "status": "queued"})
        assert early.headers["retry-after"] == "1"
        assert (there.status_code, there.json()["result"]) == (200, {"n": 1})
        assert raw.content == b'{"n":1}'
        assert forgotten.status_code == 204
        assert (gone.status_code, gone.json()["error"]["code"]) == (410, "result_expired")
        assert tombstone.status_code == 410


async def test_a_failed_jobs_result_says_why() -> None:
    async with serving() as api:
        # Given
        id = await put(api)
        await fail(api)
        # When
        result = (await api.get(f"/jobs/{id}/result")).json()
        attempts = (await api.get(f"/jobs/{id}/attempts")).json()["items"]
        # Then
        assert (result["status"], result["has_result"], result["error"]["message"]) == ("failed", False, "no disk")
        assert [(one["attempt"], one["status"], one["error"]["message"]) for one in attempts] == [
            (1, "failed", "no disk")
        ]


async def test_why_a_job_waits_is_told_without_other_owners_jobs() -> None:
    async with serving() as api:
        # Given
        parent = await put(api, owner="bob")
        id = await put(api, owner="ada", after=[api.app.job(parent)])
        mine = await put(api, owner="ada", after=[api.app.job(id)])
        _, text = await create_key(api.app.client(), "ada")
        headers = {"Authorization": f"Bearer {text}"}
        # When
        hidden = (await api.get(f"/jobs/{id}/why", headers=headers)).json()
        shown = (await api.get(f"/jobs/{mine}/why", headers=headers)).json()
        # Then
        assert (hidden["cause"], hidden["jobs"]) == ("parents", [])
        assert parent not in hidden["sentence"]
        assert [job["id"] for job in shown["jobs"]] == [id]


async def test_attempts_are_told_in_order() -> None:
    async with serving() as api:
        # Given
        id = await put(api)
        error = ErrorInfo(type="builtins.OSError", message="first", attempt=1)
        await api.settle(await api.claim(), Transition(target=State.WAITING, attempts=1, delay_ms=0, error=error))
        await api.complete(await api.claim(), 1)
        # When
        attempts = (await api.get(f"/jobs/{id}/attempts")).json()["items"]
        # Then
        assert [(one["attempt"], one["status"]) for one in attempts] == [(1, "failed"), (2, "completed")]


async def test_updates_and_logs_are_read_on_from_a_cursor() -> None:
    async with serving() as api:
        # Given
        id = await put(api)
        job = await api.claim()
        lines = [{"level": "info", "message": f"m{number}", "n": number} for number in range(3)]
        backend = await api.app.backend()
        await backend.append(
            [
                NewUpdate(id=id, epoch=job.epoch, seq=number + 1, kind=Kind.LOG, data=msgspec.json.encode(line))
                for number, line in enumerate(lines)
            ]
        )
        # When
        first = (await api.get(f"/jobs/{id}/updates?limit=2")).json()
        rest = (await api.get(f"/jobs/{id}/updates?cursor={first['next_cursor']}")).json()
        logs = (await api.get(f"/jobs/{id}/logs?limit=2")).json()
        more = (await api.get(f"/jobs/{id}/logs?cursor={logs['next_cursor']}")).json()
        await api.complete(job, None)
        ended = (await api.get(f"/jobs/{id}/updates?cursor={rest['next_cursor']}")).json()
        # Then
        assert [item["data"] for item in first["items"]] == ["queued", "running"]
        assert [item["id"] for item in rest["items"]] == [3, 4, 5]
        assert [line["message"] for line in logs["items"] + more["items"]] == ["m0", "m1", "m2"]
        assert logs["items"][0]["fields"] == {"n": 0}
        assert [item["data"] for item in ended["items"]] == ["completed"]
        assert ended["next_cursor"] is None


async def test_cancel_ends_a_waiting_job_and_refuses_an_ended_one() -> None:
    async with serving() as api:
        # Given
        id = await put(api)
        # When
        first = await api.client.post(f"/api/v1/jobs/{id}/cancel")
        second = await api.post(f"/jobs/{id}/cancel")
        # Then
        assert (first.status_code, first.json()["status"]) == (202, "cancelled")
        assert (second.status_code, second.json()["error"]["details"]) == (409, {"status": "cancelled"})


async def test_requeue_takes_an_ended_job_alone() -> None:
    async with serving() as api:
        # Given
        id = await put(api)
        waiting = await api.post(f"/jobs/{id}/requeue")
        await fail(api)
        # When
        answer = await api.post(f"/jobs/{id}/requeue")
        # Then
        assert (waiting.status_code, waiting.json()["error"]["details"]) == (409, {"status": "queued"})
        assert (answer.status_code, answer.json()["status"], answer.json()["attempts"]) == (202, "queued", 0)


async def test_a_waiting_job_is_changed_and_a_running_one_is_not() -> None:
    async with serving() as api:
        # Given
        id = await put(api, args={"n": 1})
        # When
        edited = await api.patch(f"/jobs/{id}", {"args": {"n": 2}, "tags": ["x"], "queue": "mail"})
        stale = await api.patch(f"/jobs/{id}", {"priority": 1, "revision": 0})
        moved = await api.post(f"/jobs/{id}/priority", {"priority": "low"})
        later = await api.post(f"/jobs/{id}/reschedule", {"delay_ms": 5000})
        now = await api.post(f"/jobs/{id}/reschedule", {"delay_ms": 0})
        await api.claim("mail")
        running = await api.post(f"/jobs/{id}/priority", {"priority": 90})
        kept = await api.delete(f"/jobs/{id}")
        # Then
        assert (edited.json()["args"], edited.json()["tags"], edited.json()["queue"]) == ({"n": 2}, ["x"], "mail")
        assert stale.status_code == 409
        assert moved.json()["priority"] == 25
        assert (later.json()["status"], now.json()["status"]) == ("scheduled", "queued")
        assert (running.status_code, running.json()["error"]["details"]["status"]) == (409, "running")
        assert kept.status_code == 409


async def test_secret_arguments_that_come_back_masked_stay_as_they_are() -> None:
    # Given
    app = App(backend=MemoryBackend())

    @app.task(secret=["password"])
    async def login(user: str, password: str) -> None:
        pass

    async with serving(app) as api:
        id = (await app.enqueue_by_name("login", {"user": "ada", "password": "hunter2"})).id
        shown = (await api.get(f"/jobs/{id}")).json()["args"]
        # When
        await api.patch(f"/jobs/{id}", {"args": {**shown, "user": "bob"}})
        # Then
        assert (await app.job(id).info()).spec.args == b'{"user":"bob","password":"hunter2"}'


async def test_a_deleted_job_is_gone() -> None:
    async with serving() as api:
        # Given
        id = await put(api)
        # When
        answer = await api.delete(f"/jobs/{id}")
        # Then
        assert (answer.status_code, answer.content) == (204, b"")
        assert (await api.get(f"/jobs/{id}")).status_code == 404


@pytest.mark.parametrize(
    ("act", "body", "answer"),
    [
        ("cancel", {"filter": {"task": "a"}, "dry_run": True}, (2, 0, True)),
        ("cancel", {"filter": {"task": "a"}}, (2, 2, True)),
        ("cancel", {"filter": {"task": "a"}, "limit": 1}, (1, 1, False)),
        ("requeue", {"filter": {"task": "b"}}, (2, 2, True)),
        ("requeue", {"filter": {"status": ["failed"]}, "dry_run": True}, (1, 0, True)),
        ("delete", {"filter": {}, "all": True}, (4, 4, True)),
    ],
)
async def test_many_jobs_are_changed_by_a_filter(act: str, body: dict[str, Any], answer: tuple[object, ...]) -> None:
    async with serving() as api:
        # Given
        await put(api, task="b")
        await fail(api)
        await (api.app.job(await put(api, task="b"))).cancel()
        await put(api, task="a")
        await put(api, task="a", delay=5)
        # When
        got = (await api.post(f"/jobs/{act}", body)).json()
        # Then
        assert (got["matched"], got["changed"], got["complete"]) == answer


@pytest.mark.parametrize("body", [{}, {"filter": {}}, {"filter": {"task": "a"}, "ids": [NOBODY]}])
async def test_an_act_upon_everything_has_to_be_meant(body: dict[str, Any]) -> None:
    async with serving() as api:
        # Given
        id = await put(api)
        # When
        answer = await api.post("/jobs/delete", body)
        # Then
        assert (answer.status_code, answer.json()["error"]["field"]) == (422, "filter")
        assert (await api.get(f"/jobs/{id}")).status_code == 200
