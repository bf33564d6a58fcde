"""What the dashboard's buttons do, what they say before they do it, and from whom they take no order."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from abaca.codec import new_id
from abaca.model import ErrorInfo, Job, NewJob, State, Status
from abaca.orders import told_to_drain
from tests.http import filling
from tests.http.browsing import press, visit
from tests.http.harness import Api, serving


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving() as api:
        yield api


async def a_job(api: Api, status: str, **fields: object) -> str:
    new = NewJob(id=new_id(), task="render", args=b'{"n": 1}', lane="async", **fields)  # type: ignore[arg-type]
    backend = await api.app.backend()
    await backend.insert([new])
    if status in ("running", "failed"):
        job = await api.claim()
        if status == "failed":
            await filling.fail(backend, job, ErrorInfo(type="builtins.OSError", message="disk 7 is full", attempt=1))
    return new.id


async def stored(api: Api, id: str) -> Job | None:
    return (await (await api.app.backend()).get([id]))[0]


@pytest.mark.parametrize(
    ("status", "act", "fields", "said", "then"),
    [
        ("queued", "cancel", {}, "1 job cancelled", {"status": Status.CANCELLED}),
        ("running", "cancel", {}, "told to stop", {"cancel": True}),
        ("failed", "requeue", {}, "1 job requeued", {"status": Status.QUEUED, "attempts": 0}),
        ("queued", "priority", {"priority": "90"}, "priority is 90", {"priority": 90}),
        ("queued", "priority", {"priority": "low"}, "priority is 25", {"priority": 25}),
        ("queued", "reschedule", {"when": "5m"}, "new due time", {"status": Status.SCHEDULED}),
        ("queued", "reschedule", {"when": "2031-01-01T00:00Z"}, "new due time", {"due_at": 1_924_992_000_000_000}),
        ("queued", "reschedule", {"when": ""}, "due now", {"status": Status.QUEUED}),
    ],
)
async def test_a_button_changes_the_job_and_the_page_says_so(
    api: Api, status: str, act: str, fields: dict[str, str], said: str, then: dict[str, object]
) -> None:
    # Given
    id = await a_job(api, status)
    page = await visit(api, f"/jobs/{id}")
    # When
    after = await press(api, page, f"/{act}", fields)
    # Then
    assert said in after.text
    job = await stored(api, id)
    assert job is not None
    assert {name: getattr(job, name, None) or getattr(job.spec, name, None) or 0 for name in then} == then
    again = await visit(api, f"/jobs/{id}")
    assert not again.all("p", **{"class": "flash"}), "it is said once"


async def test_a_deletion_says_what_it_deletes_before_it_does(api: Api) -> None:
    # Given
    id = await a_job(api, "failed")
    page = await visit(api, f"/jobs/{id}")
    assert "This deletes 1 job" in page.text
    # When
    after = await press(api, page, "/delete")
    # Then
    assert "1 job deleted" in after.text
    assert await stored(api, id) is None


async def test_edited_arguments_run_in_place_of_those_that_failed(api: Api) -> None:
    # Given
    id = await a_job(api, "failed", tags=("odd",))
    page = await visit(api, f"/jobs/{id}")
    # When
    after = await press(api, page, "/edit", {"args": '{"n": 2}'})
    # Then
    job = await stored(api, after.answer.url.path.rpartition("/")[2])
    assert job is not None
    assert (job.spec.args, job.spec.tags, job.status) == (b'{"n":2}', ("odd",), Status.QUEUED)


@pytest.mark.parametrize(
    ("status", "act", "fields", "code"),
    [
        ("failed", "edit", {"args": "[1]"}, 422),
        ("running", "priority", {"priority": "5"}, 409),
        ("queued", "priority", {"priority": "1000"}, 422),
        ("queued", "reschedule", {"when": "soon"}, 422),
    ],
)
async def test_what_cannot_be_done_is_refused_in_words(
    api: Api, status: str, act: str, fields: dict[str, str], code: int
) -> None:
    # Given
    id = await a_job(api, status)
    before = await stored(api, id)
    page = await visit(api, f"/jobs/{id}")
    # When
    answer = await api.client.post(f"/ui/jobs/{id}/{act}", data={"csrf": token(page.html), **fields})
    # Then
    assert answer.status_code == code
    assert await stored(api, id) == before


def token(html: str) -> str:
    return html.partition('name="csrf" value="')[2].partition('"')[0]


@pytest.mark.parametrize(
    ("data", "headers", "code"),
    [
        ({"other": "field"}, {}, 403),
        ({"csrf": "guessed"}, {}, 403),
        ({"csrf": "right"}, {"origin": "http://127.0.0.1:9999"}, 403),
        ({"csrf": "right"}, {"sec-fetch-site": "cross-site"}, 403),
        ({"csrf": "right"}, {"content-type": "text/plain"}, 415),
    ],
)
async def test_a_form_that_is_not_from_our_page_does_nothing(
    api: Api, data: dict[str, str], headers: dict[str, str], code: int
) -> None:
    # Given
    id = await a_job(api, "queued")
    page = await visit(api, f"/jobs/{id}")
    given = {name: token(page.html) if value == "right" else value for name, value in data.items()}
    # When
    answer = await api.client.post(f"/ui/jobs/{id}/cancel", data=given, headers=headers)
    # Then
    assert answer.status_code == code
    job = await stored(api, id)
    assert job is not None
    assert job.state is State.WAITING


async def test_a_form_without_the_cookie_of_its_token_does_nothing(api: Api) -> None:
    id = await a_job(api, "queued")
    page = await visit(api, f"/jobs/{id}")
    api.client.cookies.clear()
    answer = await api.client.post(f"/ui/jobs/{id}/cancel", data={"csrf": token(page.html)})
    assert answer.status_code == 403


async def test_a_bulk_act_says_how_many_jobs_it_hits_and_hits_those_of_the_filter(api: Api) -> None:
    # Given
    inside = [await a_job(api, "queued", tags=("odd",)) for _ in range(3)]
    outside = await a_job(api, "queued")
    listed = await visit(api, "/jobs?tag=odd")
    (link,) = [given["href"] for given in listed.all("a") if "/bulk/cancel?" in given.get("href", "")]
    # When
    page = await visit(api, link)
    assert "This will cancel 3 jobs" in page.text
    after = await press(api, page, "/bulk/cancel")
    # Then
    assert "3 jobs cancelled" in after.text
    states = [job.status for id in [*inside, outside] if (job := await stored(api, id))]
    assert states == [Status.CANCELLED] * 3 + [Status.QUEUED]


async def test_equal_failures_are_one_row_and_run_again_together(api: Api) -> None:
    # Given
    backend = await api.app.backend()
    errors = ["disk 7 is full", "disk 12 is full", "no such font"]
    ids = []
    for message in errors:
        ids.append(await a_job(api, "queued"))
        await filling.fail(backend, await api.claim(), ErrorInfo(type="app.Broken", message=message, attempt=1))
    page = await visit(api, "/failed")
    assert len(page.rows) == 2
    assert "3 failed jobs with 2 different errors" in page.text
    (link,) = [given["href"] for given in page.all("a") if f"error={page.rows[0]}" in given.get("href", "")][1:]
    # When
    asked = await visit(api, link)
    assert "This will requeue 2 jobs" in asked.text
    after = await press(api, asked, "/bulk/requeue")
    # Then
    assert after.answer.url.path == "/ui/failed"
    assert [job.status for id in ids if (job := await stored(api, id))] == [Status.QUEUED, Status.QUEUED, Status.FAILED]


async def test_a_queue_is_paused_limited_and_opened_again(api: Api) -> None:
    # Given
    await a_job(api, "queued")
    # When
    page = await press(api, await visit(api, "/queues/default"), "/pause")
    page = await press(api, page, "/limits", {"concurrency": "3", "max_length": "", "aging": "on"})
    # Then
    settings = await api.app.queues.get("default")
    assert (settings.paused, settings.concurrency, settings.max_length, settings.aging) == (True, 3, None, True)
    await press(api, page, "/resume")
    assert not (await api.app.queues.get("default")).paused
    assert "no whole number" in (await press(api, page, "/limits", {"concurrency": "many"}, status=422)).text


async def test_a_purge_counts_its_jobs_and_asks_for_the_queues_name(api: Api) -> None:
    # Given
    ids = [await a_job(api, "queued") for _ in range(2)]
    page = await visit(api, "/queues/default")
    assert "This deletes 2 waiting jobs" in page.text
    # When
    await press(api, page, "/purge", {"name": "other"}, status=422)
    assert await stored(api, ids[0]) is not None
    after = await press(api, page, "/purge", {"name": "default"})
    # Then
    assert "2 waiting jobs of queue default are deleted" in after.text
    assert [await stored(api, id) for id in ids] == [None, None]


async def test_a_worker_is_told_to_drain(api: Api) -> None:
    # Given
    await filling.beat(await api.app.backend())
    page = await visit(api, "/workers")
    assert "finishes the 0 jobs that it runs" in page.text
    # When
    await press(api, page, "/w-gpu-1/drain")
    # Then
    backend = await api.app.backend()
    assert [await told_to_drain(backend, id) for id in ("w-gpu-1", "w-web-1")] == [True, False]


async def test_a_schedule_is_stopped_started_and_run_now(api: Api) -> None:
    # Given
    await api.app.schedules.create("nightly", NewJob(id="", task="report", lane="async"), cron="0 3 * * *")
    page = await visit(api, "/schedules")
    assert "in 3 h" in page.text
    # When
    page = await press(api, page, "/nightly/disable")
    assert not (await api.app.schedules.get("nightly")).enabled
    page = await press(api, page, "/nightly/enable")
    assert (await api.app.schedules.get("nightly")).enabled
    made = await press(api, page, "/nightly/run")
    # Then
    job = await stored(api, made.answer.url.path.rpartition("/")[2])
    assert job is not None
    assert job.spec.parent == "schedule:nightly"


async def test_a_workflow_is_drawn_and_cancelled_whole(api: Api) -> None:
    # Given
    id = await filling.workflow(api.app, width=4)
    listed = await visit(api, "/workflows")
    assert listed.rows == [id]
    # When
    page = await visit(api, f"/workflows/{id}")
    boxes = [given for given in page.all("a") if given.get("class", "").startswith("node ")]
    curves = [given["class"] for given in page.all("path") if given.get("class", "").startswith("edge ")]
    # Then
    assert len(boxes) == 8
    assert sorted(curves) == ["edge e-completed"] * 8 + ["edge e-ended"] * 2 + ["edge e-failed"]
    after = await press(api, page, "/cancel")
    assert "cancelled" in after.text
    assert {job.status for job in (await api.app.find()).jobs} == {Status.CANCELLED}


async def test_a_large_workflow_is_drawn_in_groups(api: Api) -> None:
    id = await filling.workflow(api.app, width=320)
    page = await visit(api, f"/workflows/{id}")
    boxes = [given for given in page.all("a") if given.get("class", "").startswith("node ")]
    assert len(boxes) == 5
    assert "320 jobs" in page.text


async def test_a_webhook_is_stopped_started_tested_and_a_delivery_sent_again(api: Api) -> None:
    # Given a subscription, and a delivery that was given up
    made = (await api.post("/webhooks", {"url": "https://example.org/hook", "events": ["cancelled"]})).json()
    await api.app.job(await a_job(api, "queued")).cancel()
    delivery = await api.claim()
    await filling.fail(await api.app.backend(), delivery, ErrorInfo(type="x", message="answered 500", attempt=1))
    page = await visit(api, "/webhooks")
    assert "https://example.org/hook" in page.text
    assert "answered 500" in page.text
    assert made["secret"] not in page.text
    # When
    page = await press(api, page, f"/{made['id']}/disable")
    assert (await api.get(f"/webhooks/{made['id']}")).json()["enabled"] is False
    page = await press(api, page, f"/{made['id']}/enable")
    assert (await api.get(f"/webhooks/{made['id']}")).json()["enabled"] is True
    page = await press(api, page, f"/{delivery.id}/replay")
    # Then
    again = await stored(api, delivery.id)
    assert again is not None
    assert again.status is Status.QUEUED
    tested = await press(api, page, f"/{made['id']}/test")
    sent = await stored(api, tested.answer.url.path.rpartition("/")[2])
    assert sent is not None
    assert b'"test":true' in sent.spec.args
