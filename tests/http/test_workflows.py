"""``/workflows``, ``/groups`` and ``/dead-letters``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from abaca.model import ErrorInfo, Job, State, Status, Transition
from tests.http.harness import Api, serving

POOL = {"pool": "async"}


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving() as served:
        yield served


def member(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "job": {"task": name, **POOL}, **more}


DIAMOND = {
    "name": "diamond",
    "members": [
        member("join", waits=[{"members": ["left", "right"], "into": "parts"}]),
        member("left", after=["start"]),
        member("right", after=["start"]),
        member("start"),
    ],
}


async def fail(api: Api, job: Job, type: str = "ValueError", message: str = "no") -> None:
    error = ErrorInfo(type=type, message=message, attempt=1)
    await api.settle(job, Transition(target=State.FAILED, attempts=1, error=error, keep_ms=600_000))


async def test_a_graph_runs_in_its_order(api: Api) -> None:
    # When
    answer = await api.post("/workflows", DIAMOND)
    order = []
    for _ in range(5):
        job = await api.claim()
        order.append(job.spec.task)
        await api.complete(job)
    view = (await api.get(f"/workflows/{answer.json()['id']}")).json()

    # Then
    assert answer.status_code == 202
    assert (order[0], set(order[1:3]), order[3], order[4]) == ("start", {"left", "right"}, "join", "abaca.join")
    assert (view["status"], view["total"], view["ended"], view["counts"]) == ("completed", 4, 4, {"completed": 4})


async def test_the_members_of_a_workflow_have_names_and_are_listed(api: Api) -> None:
    # Given
    stored = (await api.post("/workflows", DIAMOND)).json()

    # When
    items = (await api.get(f"/workflows/{stored['id']}/jobs")).json()["items"]

    # Then
    assert {one["id"] for one in items} == set(stored["jobs"].values())
    (join,) = (one for one in items if one["task"] == "join")
    assert join["after"] == [{"ids": [stored["jobs"]["left"], stored["jobs"]["right"]], "into": "parts", "many": True}]


@pytest.mark.parametrize(
    ("members", "word"),
    [
        ([member("a", after=["b"]), member("b", after=["a"])], "cycle"),
        ([member("a", after=["z"])], "no member 'z'"),
        ([member("a"), member("a")], "two members are called 'a'"),
        ([{"name": "a", "job": {"task": "a", "key": "k", **POOL}}], "cannot have a key"),
    ],
)
async def test_a_graph_that_cannot_run_is_refused_whole(api: Api, members: list[dict[str, Any]], word: str) -> None:
    # When
    answer = await api.post("/workflows", {"members": members})

    # Then
    assert answer.status_code == 422
    assert word in answer.json()["error"]["message"]
    assert (await api.get("/jobs")).json()["items"] == []


async def test_a_repeated_submit_stores_one_workflow(api: Api) -> None:
    # When
    headers = {"Idempotency-Key": "once"}
    ids = {(await api.post("/workflows", DIAMOND, headers=headers)).json()["id"] for _ in range(2)}

    # Then
    assert len(ids) == 1
    assert len((await api.get("/jobs")).json()["items"]) == 5


async def test_a_workflow_is_cancelled(api: Api) -> None:
    # Given
    id = (await api.post("/workflows", DIAMOND)).json()["id"]

    # When
    first, second = [await api.post(f"/workflows/{id}/cancel") for _ in range(2)]

    # Then
    assert (first.status_code, second.status_code) == (200, 409)
    assert (await api.get(f"/workflows/{id}")).json()["counts"] == {"cancelled": 4}


async def test_what_failed_in_a_workflow_runs_again(api: Api) -> None:
    # Given
    id = (await api.post("/workflows", {"members": [member("a"), member("b", after=["a"])]})).json()["id"]
    await fail(api, await api.claim())
    for _ in range(2):  # the others end because of it
        job = await api.claim()
        await api.settle(job, Transition(target=State.CANCELLED, attempts=0, keep_ms=600_000))

    # When
    changed = (await api.post(f"/workflows/{id}/requeue")).json()

    # Then
    assert changed == {"changed": 3}
    assert (await api.claim()).spec.task == "a"


async def test_a_job_of_no_workflow_is_none(api: Api) -> None:
    # Given
    job = await api.app.enqueue_by_name("render", {}, pool="async")

    # When
    answer = await api.get(f"/workflows/{job.id}")

    # Then
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "workflow_not_found")


async def test_the_results_of_a_group_come_page_by_page_in_its_order(api: Api) -> None:
    # Given
    stored = (await api.post("/workflows", {"members": [member(f"m{n}") for n in range(3)]})).json()
    for _ in range(2):
        job = await api.claim()
        await api.complete(job, job.spec.task)

    # When
    first = (await api.get(f"/groups/{stored['id']}/results?limit=2")).json()
    second = (await api.get(f"/groups/{stored['id']}/results?limit=2&cursor={first['next_cursor']}")).json()

    # Then
    items = first["items"] + second["items"]
    assert [one["index"] for one in items] == [0, 1, 2]
    assert sorted(one["result"]["result"] for one in items if one["result"]) == ["m0", "m1"]


async def test_failed_jobs_are_grouped_by_their_error(api: Api) -> None:
    # Given
    for type, message in (("ValueError", "no page 1"), ("ValueError", "no page 2"), ("OSError", "disk")):
        await api.app.enqueue_by_name("render", {}, pool="async")
        await fail(api, await api.claim(), type, message)
        api.clock.advance(1)

    # When
    groups = (await api.get("/dead-letters/groups")).json()
    listed = (await api.get("/dead-letters")).json()["items"]

    # Then
    assert [(one["error"], one["count"], one["message"]) for one in groups["items"]] == [
        ("ValueError", 2, "no page 2"),
        ("OSError", 1, "disk"),
    ]
    assert {one["status"] for one in listed} == {Status.FAILED}
    assert len(listed) == groups["looked_at"] == 3


async def test_a_dead_letter_is_requeued_with_other_arguments(api: Api) -> None:
    # Given a job that failed for what it was given
    job = await api.app.enqueue_by_name("render", {"page": -1}, pool="async")
    await fail(api, await api.claim(), "ValueError", "no page -1")

    # When its arguments are changed and it is requeued
    edited = await api.patch(f"/jobs/{job.id}", {"args": {"page": 1}})
    await api.post(f"/jobs/{job.id}/requeue")

    # Then it is the same job, and its next run gets them
    assert (edited.status_code, edited.json()["status"], edited.json()["args"]) == (200, "failed", {"page": 1})
    again = await api.claim()
    assert (again.id, again.spec.args) == (job.id, b'{"page":1}')

    # But what a completed one ran with stays as it was
    await api.complete(again)
    assert (await api.patch(f"/jobs/{job.id}", {"args": {"page": 2}})).status_code == 409


async def test_a_job_that_has_not_failed_is_no_dead_letter(api: Api) -> None:
    # Given
    job = await api.app.enqueue_by_name("render", {}, pool="async")

    # When
    answer = await api.get(f"/dead-letters/{job.id}")

    # Then
    assert answer.status_code == 409
