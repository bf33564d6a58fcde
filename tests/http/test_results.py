"""``/results``, ``/retention`` and ``POST /jobs/purge``: what ended jobs leave, and for how long."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from abaca import App
from abaca.backends.memory import MemoryBackend
from abaca.keys import create_key
from abaca.model import ErrorInfo, Job, State, Transition
from tests.http.harness import Api, serving

DAY_MS = 86_400_000
JOB = {"task": "resize", "args": {"path": "cat.png"}, "pool": "async"}


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving() as served:
        yield served


async def completed(api: Api, result: Any = "cat-640.png", **fields: Any) -> Job:
    await api.post("/jobs", {**JOB, **fields})
    job = await api.claim(fields.get("queue", "default"))
    to = Transition(
        target=State.COMPLETED, attempts=1, result=None if result is None else b'"%s"' % result.encode(), keep_ms=DAY_MS
    )
    await api.settle(job, to)
    return job


async def failed(api: Api, **fields: Any) -> Job:
    await api.post("/jobs", {**JOB, **fields})
    job = await api.claim()
    error = ErrorInfo(type="ValueError", message="no", attempt=1)
    await api.settle(job, Transition(target=State.FAILED, attempts=1, error=error, keep_ms=DAY_MS))
    return job


async def test_results_are_listed_with_their_size_by_page_and_filter(api: Api) -> None:
    # Given ends of each kind, and a job that waits
    first, none, bad = await completed(api, tags=["web"]), await completed(api, None), await failed(api)
    await api.post("/jobs", JOB)
    # When they are listed page by page
    pages = [(await api.get("/results?limit=2")).json()]
    while pages[-1]["next_cursor"]:
        pages.append((await api.get(f"/results?limit=2&cursor={pages[-1]['next_cursor']}")).json())
    found = {item["job_id"]: item for page in pages for item in page["items"]}
    # Then each ended job is there, with the bytes of its result
    assert set(found) == {first.id, none.id, bad.id}
    assert (found[first.id]["size"], found[first.id]["has_result"], found[first.id]["elsewhere"]) == (13, True, False)
    assert (found[none.id]["size"], found[none.id]["has_result"], found[bad.id]["status"]) == (0, False, "failed")
    # And filters narrow it
    assert [each["job_id"] for each in (await api.get("/results?status=failed")).json()["items"]] == [bad.id]
    assert [each["job_id"] for each in (await api.get("/results?tag=web&task=resize")).json()["items"]] == [first.id]
    assert (await api.get("/results?status=queued")).json()["items"] == []


async def test_one_result_is_read_and_forgotten_by_the_same_rules_as_at_its_job(api: Api) -> None:
    # Given a completed job and one that waits
    done = await completed(api)
    waiting = (await api.post("/jobs", JOB)).json()["id"]
    # When they are read
    assert (await api.get(f"/results/{done.id}")).json()["result"] == "cat-640.png"
    assert (await api.get(f"/results/{done.id}?raw=true")).text == '"cat-640.png"'
    assert (await api.get(f"/results/{waiting}")).status_code == 202
    assert (await api.get(f"/results/{'0' * 32}")).status_code == 404
    # When the result is forgotten, again too, then it is gone and its job is there
    assert [(await api.delete(f"/results/{done.id}")).status_code for _ in range(2)] == [204, 204]
    assert (await api.get(f"/results/{done.id}")).status_code == 410
    assert (await api.get(f"/jobs/{done.id}")).json()["status"] == "completed"
    assert (await api.delete(f"/results/{waiting}")).status_code == 409
    # And of a job of which only its end is left there is nothing to forget
    api.clock.advance(2 * DAY_MS / 1000)
    await (await api.app.backend()).purge(10)
    assert (await api.delete(f"/results/{done.id}")).status_code == 410


async def test_results_of_a_filter_are_forgotten_after_a_look(api: Api) -> None:
    # Given results of two tasks, and one member of a workflow that has not ended
    kept, gone = await completed(api, task="scale"), [await completed(api) for _ in range(3)]
    await failed(api)
    members = [{"name": "a", "job": JOB}, {"name": "b", "job": JOB, "after": ["a"]}]
    assert (await api.post("/workflows", {"members": members})).status_code in (201, 202)
    open_member = await api.claim()
    await api.complete(open_member, "x")
    asked = {"filter": {"task": "resize"}}
    # When somebody looks first
    looked = (await api.post("/results/delete", {**asked, "dry_run": True})).json()
    assert looked == {"matched": 3, "changed": 0, "bytes": 39, "dry_run": True, "complete": True}
    assert (await api.get(f"/results/{gone[0].id}")).status_code == 200
    # When it is done, in two requests
    first = (await api.post("/results/delete", {**asked, "limit": 2})).json()
    second = (await api.post("/results/delete", asked)).json()
    # Then those results are gone, and what is still wanted is there
    assert [(each["changed"], each["complete"]) for each in (first, second)] == [(2, False), (1, True)]
    assert {(await api.get(f"/results/{job.id}")).status_code for job in gone} == {410}
    assert {(await api.get(f"/results/{job.id}")).status_code for job in (kept, open_member)} == {200}
    # And nothing at all is no filter
    assert (await api.post("/results/delete", {"filter": {}})).status_code == 422


async def test_a_large_result_tells_its_size_and_goes_from_its_place(tmp_path: Path) -> None:
    app = App(backend=MemoryBackend(), results=f"file://{tmp_path}", results_above=100, poll_interval=0.05)

    @app.task
    async def render() -> str:
        return random.Random(1).randbytes(4000).hex()  # nothing that packing makes small

    async with serving(app) as api, app.worker():
        id = (await api.post("/jobs/run?wait=30", {"task": "render"})).json()["id"]
        (item,) = (await api.get("/results")).json()["items"]
        assert (item["elsewhere"], item["size"] >= 5000, item["stored"] > 100) == (True, True, True)
        done = (await api.post("/results/delete", {"ids": [id]})).json()
        assert (done["changed"], done["bytes"]) == (1, item["stored"])
        assert [path for path in tmp_path.rglob("*") if id in path.name] == []


async def test_retention_is_stored_changed_in_part_and_forgotten(api: Api) -> None:
    # Given nothing
    assert (await api.get("/retention")).json() == {
        "default": {"completed_ms": None, "cancelled_ms": None, "failed_ms": None},
        "tasks": {},
        "code": {"completed_ms": 3_600_000, "cancelled_ms": DAY_MS, "failed_ms": 7 * DAY_MS},
    }
    # When it is set, and changed
    one = {"completed_ms": 60_000}
    await api.put("/retention", {"default": {"failed_ms": 5_000}, "tasks": {"resize": one, "scale": one}})
    changed = (await api.put("/retention", {"tasks": {"scale": None, "publish": {"cancelled_ms": 7}}})).json()
    # Then what was not named stays
    assert changed["default"]["failed_ms"] == 5_000
    assert {name: kept["completed_ms"] for name, kept in changed["tasks"].items()} == {
        "resize": 60_000,
        "publish": None,
    }
    assert (await api.get("/retention")).json() == changed
    # When one, and then all, is forgotten
    await api.delete("/retention?task=resize")
    assert list((await api.get("/retention")).json()["tasks"]) == ["publish"]
    assert (await api.delete("/retention")).status_code == 204
    assert (await api.get("/retention")).json()["default"]["failed_ms"] is None


@pytest.mark.parametrize(
    "body", [{"default": {"completed_ms": 0}}, {"default": {"done_ms": 5}}, {"tasks": {"x" * 200: {"failed_ms": 5}}}]
)
async def test_retention_that_means_nothing_is_refused(api: Api, body: dict[str, Any]) -> None:
    assert (await api.put("/retention", body)).status_code == 422


async def test_retention_is_an_admins_to_set() -> None:
    async with serving() as api:
        _, key = await create_key(api.app.client(), "shop")
        api.forget_callers()
        as_shop = {"headers": {"Authorization": f"Bearer {key}"}}
        assert (await api.get("/retention", **as_shop)).status_code == 200
        assert (await api.put("/retention", {"default": {"failed_ms": 5}}, **as_shop)).status_code == 403
        assert (await api.delete("/retention", **as_shop)).status_code == 403


async def test_old_ends_are_purged_after_a_look(api: Api) -> None:
    # Given failed jobs of two ages, a completed one, and one that runs
    old = [await failed(api) for _ in range(3)]
    done = await completed(api)
    api.clock.advance(3600)
    young = await failed(api)
    asked = {"status": "failed", "older_than_ms": 1_800_000}
    # When somebody looks
    looked = (await api.post("/jobs/purge", {**asked, "dry_run": True})).json()
    assert (looked["matched"], looked["deleted"], looked["by_status"], looked["complete"]) == (
        3,
        0,
        {"failed": 3},
        True,
    )
    assert {each["id"] for each in looked["sample"]} == {job.id for job in old}
    # When they are purged, in pieces
    first = (await api.post("/jobs/purge", {**asked, "limit": 2})).json()
    assert (first["deleted"], first["complete"]) == (2, False)
    second = (await api.post("/jobs/purge", {**asked, "cursor": first["next_cursor"]})).json()
    assert (second["deleted"], second["complete"]) == (1, True)
    # Then they are gone, and nothing else is
    assert {(await api.get(f"/jobs/{job.id}")).status_code for job in old} == {404}
    assert {(await api.get(f"/jobs/{job.id}")).status_code for job in (done, young)} == {200}


async def test_a_purge_leaves_members_of_workflows_that_go_on(api: Api) -> None:
    # Given a workflow of which one member has ended
    members = [{"name": "a", "job": JOB}, {"name": "b", "job": JOB, "after": ["a"]}]
    await api.post("/workflows", {"members": members})
    member = await api.claim()
    await api.complete(member)
    asked = {"status": ["completed", "cancelled"], "older_than_ms": 0}
    # When
    done = (await api.post("/jobs/purge", asked)).json()
    # Then
    assert (done["matched"], done["held"]) == (0, 1)
    assert (await api.get(f"/jobs/{member.id}")).status_code == 200


@pytest.mark.parametrize("status", ["queued", [], "done"])
async def test_only_ends_are_purged(api: Api, status: Any) -> None:
    answer = await api.post("/jobs/purge", {"status": status, "older_than_ms": 0})
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "status")


async def test_a_key_purges_its_owners_jobs_alone() -> None:
    async with serving() as api:
        await failed(api, owner="somebody")
        _, key = await create_key(api.app.client(), "shop")
        api.forget_callers()
        asked = {"status": "failed", "older_than_ms": 0}
        as_shop = {"headers": {"Authorization": f"Bearer {key}"}}
        assert (await api.post("/jobs/purge", asked, **as_shop)).json()["matched"] == 0
        assert (await api.post("/jobs/purge", {**asked, "owner": "somebody"}, **as_shop)).status_code == 403
