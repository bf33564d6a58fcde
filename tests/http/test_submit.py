"""Submitting jobs over HTTP: one, many, and one that is waited for."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from abaca.announce import announce
from abaca.app import App
from abaca.backends.memory import MemoryBackend
from abaca.clock import ManualClock
from abaca.http import HttpSettings
from abaca.http.caller import LOCAL
from abaca.http.errors import ApiError
from abaca.http.requests import ApiRequest, check_depth
from abaca.http.service import Service
from abaca.http.submitting import SubmitJob, new_job
from abaca.keys import create_key
from abaca.model import Delays, Keep, KeyScope, State, Transition
from abaca.testing.failing import FailingBackend
from tests.http.harness import Api, serving

BARE = {"task": "t", "pool": "async"}


async def stored(api: Api, id: str) -> Any:
    return (await api.app.job(id).info()).spec


async def test_a_job_is_stored_when_the_answer_comes() -> None:
    async with serving() as api:
        # When
        answer = await api.post("/jobs", {**BARE, "args": {"x": [1, "é"]}})
        # Then
        assert answer.status_code == 202
        body = answer.json()
        assert answer.headers["location"] == f"/api/v1/jobs/{body['id']}"
        assert body == {"id": body["id"], "task": "t", "queue": "default", "outcome": "inserted", "job": None}
        assert (await api.get(answer.headers["location"].removeprefix("/api/v1"))).json()["args"] == {"x": [1, "é"]}


async def test_the_words_of_other_systems_are_understood() -> None:
    async with serving() as api:
        for task in ("task", "type", "name", "task_type"):
            for args in ("args", "payload"):
                # When
                answer = await api.post("/jobs", {task: "t", args: {"n": 1}, "pool": "async"})
                # Then
                assert (await stored(api, answer.json()["id"])).args == b'{"n":1}', (task, args)


OPTIONS: list[tuple[dict[str, Any], str, object]] = [
    ({"queue": "mail"}, "queue", "mail"),
    ({"priority": "high"}, "priority", 75),
    ({"priority": 3}, "priority", 3),
    ({"delay_ms": 1500}, "delay_ms", 1500),
    ({"run_at": "2031-01-01T00:00:00+01:00"}, "run_at", 1_924_988_400_000_000),
    ({"key": "k"}, "key", "k"),
    ({"key": "k", "unique": 60_000}, "key_ms", 60_000),
    ({"throttle_ms": 5000}, "key", "task:t"),
    ({"debounce_ms": 5000}, "key_scope", KeyScope.WAITING),
    ({"tags": ["a", "b"]}, "tags", ("a", "b")),
    ({"tenant": "acme"}, "tenant", "acme"),
    ({"owner": "ada"}, "owner", "ada"),
    ({"timeout_ms": 250}, "timeout_ms", 250),
    ({"keep_ms": {"completed_ms": 0}}, "keep", Keep(completed_ms=0)),
    ({"start_within_ms": 10}, "start_within_ms", 10),
    ({"expires_ms": 10}, "expires_ms", 10),
]


async def test_every_option_of_a_call_has_its_field() -> None:
    for given, field, value in OPTIONS:
        async with App(backend=MemoryBackend()) as app:
            request = ApiRequest(None, Service(app, HttpSettings()), LOCAL, "r")  # type: ignore[arg-type]
            # When
            job, _ = await new_job(request, msgspec.convert({**BARE, **given}, SubmitJob))
            # Then
            assert getattr(job, field) == value, given


async def test_retries_parents_and_webhooks_have_theirs() -> None:
    async with serving() as api:
        # Given
        parent = (await api.post("/jobs", BARE)).json()["id"]
        # When
        given = {
            "retry": {"max_attempts": 2, "backoff": [1, 2.5], "on": ["OSError"]},
            "after": [parent],
            "when": "ended",
            "webhook": {"url": "https://example.org/hook", "secret": "env:HOOK", "on": ["failed"]},
        }
        answer = await api.post("/jobs", {**BARE, **given})
        # Then
        job = await stored(api, answer.json()["id"])
        assert (job.retry.max_attempts, job.retry.backoff) == (2, Delays(seconds=(1.0, 2.5)))
        assert job.retry.on == ("builtins.OSError",)
        assert job.after[0].ids == (parent,)
        assert [callback.when for callback in job.callbacks] == ["failed"]


WRONG: list[tuple[str, int, str, str | None]] = [
    ("{", 400, "malformed", None),
    ("[" * 70 + "]" * 70, 400, "malformed", None),
    ('{"task": 3}', 422, "invalid", "task"),
    ("{}", 422, "invalid", "task"),
    ('{"task": "t", "name": "t"}', 422, "invalid", "task"),
    ('{"task": "no/name"}', 422, "invalid", None),
    ('{"task": "t", "pool": "async", "taks": 1}', 422, "invalid", None),
    ('{"task": "t", "pool": "async", "retry": {"backoff": "odd"}}', 422, "invalid", "retry.backoff"),
    ('{"task": "t", "pool": "async", "priority": 101}', 422, "invalid", "priority"),
    ('{"task": "t", "pool": "async", "tags": [""]}', 422, "invalid", "tags"),
    ('{"task": "t", "pool": "async", "run_at": "2031-01-01T00:00:00"}', 422, "invalid", "run_at"),
    ('{"task": "t", "pool": "async", "delay_ms": 1, "start_within_ms": 1}', 422, "invalid", None),
    ('{"task": "t", "pool": "async", "webhook": {"url": "ftp://x"}}', 422, "invalid", "webhook"),
    ('{"task": "t", "pool": "async", "after": ["%s"]}' % ("0" * 32), 422, "invalid", None),
]


async def test_what_cannot_be_submitted_is_refused_by_name() -> None:
    async with serving() as api:
        for body, status, code, field in WRONG:
            # When
            headers = {"Content-Type": "application/json"}
            answer = await api.client.post("/api/v1/jobs", content=body, headers=headers)
            # Then
            error = answer.json()["error"]
            assert (answer.status_code, error["code"], error["field"]) == (status, code, field), (body, error)
        assert (await api.app.find()).jobs == []


async def test_a_form_of_a_web_page_is_not_taken_for_json() -> None:
    async with serving() as api:
        # When
        answer = await api.client.post("/api/v1/jobs", content="{}", headers={"Content-Type": "text/plain"})
        # Then
        assert answer.status_code == 415


async def test_an_unknown_task_is_answered_with_the_names_that_are_near() -> None:
    # Given
    app = App(backend=MemoryBackend())

    @app.task
    async def render(page: int) -> None:
        pass

    await announce(await app.backend(), app.tasks)
    async with serving(App(backend=await app.backend())) as api:
        # When
        answer = await api.post("/jobs", {"task": "rendr"})
        # Then
        error = answer.json()["error"]
        assert (answer.status_code, error["field"], error["details"]) == (422, "task", {"near": ["render"]})


async def test_arguments_are_checked_where_the_task_is_known() -> None:
    # Given
    app = App(backend=MemoryBackend())

    @app.task
    async def render(page: int) -> None:
        pass

    async with serving(app) as api:
        # When
        wrong = await api.post("/jobs", {"task": "render", "args": {"page": "one"}})
        large = await api.post("/jobs", {"task": "render", "args": {"page": 10**18, "x": "y"}})
        # Then
        assert (wrong.status_code, wrong.json()["error"]["field"]) == (422, "args")
        assert "page" in wrong.json()["error"]["message"]
        assert large.status_code == 422


async def test_bodies_and_arguments_above_their_limit_are_413() -> None:
    async with serving(settings=HttpSettings(max_body=1000)) as api:
        # When
        announced = await api.post("/jobs", {**BARE, "args": {"x": "y" * 2000}})
        # Then
        assert (announced.status_code, announced.json()["error"]["code"]) == (413, "too_large")
    async with serving(settings=HttpSettings(max_body=4_000_000)) as api:
        arguments = await api.post("/jobs", {**BARE, "args": {"x": "y" * 2_000_000}})
        assert (arguments.status_code, arguments.json()["error"]["code"]) == (413, "too_large")


async def test_a_held_key_answers_its_holder_or_409() -> None:
    async with serving() as api:
        # Given
        first = (await api.post("/jobs", {**BARE, "key": "k"})).json()
        # When
        again = await api.post("/jobs", {**BARE, "key": "k"})
        rejected = await api.post("/jobs", {**BARE, "key": "k", "on_duplicate": "reject"})
        # Then
        assert (again.json()["id"], again.json()["outcome"]) == (first["id"], "held")
        assert (rejected.status_code, rejected.json()["error"]["details"]) == (409, {"job_id": first["id"]})


async def test_nobody_replaces_or_waits_for_another_owners_job() -> None:
    async with serving() as api:
        # Given
        theirs = await api.app.enqueue_by_name("t", {"x": 1}, pool="async", key="task:t", owner="bob")
        _, text = await create_key(api.app.client(), "ada")
        headers = {"Authorization": f"Bearer {text}"}
        # When
        own = await api.post("/jobs", {**BARE, "debounce_ms": 1000}, headers=headers)
        after = await api.post("/jobs", {**BARE, "after": [theirs.id]}, headers=headers)
        named = await api.post("/jobs", {**BARE, "owner": "bob"}, headers=headers)
        hook = {"url": "https://example.org", "secret": "env:THEIRS"}
        signed = await api.post("/jobs", {**BARE, "webhook": hook}, headers=headers)
        built_in = await api.post("/jobs", {"task": "abaca.webhook", "pool": "async"}, headers=headers)
        # Then
        assert own.json()["outcome"] == "inserted"
        assert (await stored(api, own.json()["id"])).owner == "ada"
        assert (await stored(api, theirs.id)).args == b'{"x":1}'
        assert (after.status_code, after.json()["error"]["field"]) == (422, "after")
        assert (named.status_code, signed.status_code, built_in.status_code) == (403, 403, 422)


async def test_many_jobs_have_an_outcome_each() -> None:
    async with serving() as api:
        # Given
        jobs = [{**BARE, "args": {"n": 1}}, {"task": "unheard"}, {**BARE, "key": "k"}, {**BARE, "key": "k"}]
        # When
        answer = await api.post("/jobs/batch", {"jobs": jobs})
        # Then
        assert answer.status_code == 202
        items = answer.json()["items"]
        assert [(item["index"], item["outcome"]) for item in items] == [
            (0, "inserted"),
            (1, "refused"),
            (2, "inserted"),
            (3, "held"),
        ]
        assert items[3]["id"] == items[2]["id"]
        assert items[1]["error"]["field"] == "task"
        assert len((await api.app.find()).jobs) == 2


async def test_run_answers_the_ended_job() -> None:
    async with serving() as api:
        # When
        asked = asyncio.create_task(api.post("/jobs/run", {**BARE, "args": {"n": 2}}))
        await api.complete(await api.claim(hold_ms=30_000), {"m": 4})
        answer = await asked
        # Then
        assert answer.status_code == 200
        assert (answer.json()["status"], answer.json()["result"]) == ("completed", {"m": 4})


async def test_run_answers_202_when_the_time_is_over() -> None:
    async with serving() as api:
        # When
        answer = await api.post("/jobs/run?wait=0.05", BARE)
        # Then
        assert answer.status_code == 202
        assert answer.headers["location"].endswith(answer.json()["id"])
        assert answer.json()["status"] == "queued"


async def test_run_waits_for_a_job_that_stores_no_result_too() -> None:
    async with serving() as api:
        # When
        asked = asyncio.create_task(api.post("/jobs/run", {**BARE, "keep_ms": {"completed_ms": 0}}))
        job = await api.claim(hold_ms=30_000)
        await api.settle(job, Transition(target=State.COMPLETED, attempts=1, keep_ms=60_000))
        answer = await asked
        # Then
        assert (answer.status_code, answer.json()["status"]) == (200, "completed")


async def test_a_full_queue_is_429_with_retry_after() -> None:
    async with serving() as api:
        # Given
        await api.app.queues.limit_length("default", 1)
        await api.post("/jobs", BARE)
        # When
        one = await api.post("/jobs", BARE)
        many = await api.post("/jobs/batch", {"jobs": [BARE]})
        # Then
        assert (one.status_code, one.json()["error"]["code"]) == (429, "queue_full")
        assert int(one.headers["retry-after"]) >= 1
        assert many.json()["items"][0]["error"]["code"] == "queue_full"


def test_depth_is_counted_outside_of_texts_and_in_one_pass() -> None:
    # Given
    flat = b'{"a": "' + b"[" * 1000 + b'\\"{{{"}'
    hostile = b'"' + b'\\"' * 400_000
    # When / Then
    check_depth(flat, 10)
    check_depth(b"[" * 100 + hostile, 100)
    with pytest.raises(ApiError, match="deeper"):
        check_depth(b'["]]]]", ' + b"[" * 20, 10)


async def test_a_store_that_is_away_is_503_with_retry_after() -> None:
    # Given
    backend = FailingBackend(MemoryBackend(ManualClock()))
    async with serving(backend=backend) as api:
        await api.get("/jobs")
        backend.away = True
        # When
        answer = await api.post("/jobs", BARE)
        # Then
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "store_unavailable"
        assert int(answer.headers["retry-after"]) >= 1
        assert "Traceback" not in answer.text


async def test_a_full_queue_is_429_with_its_estimate_and_nobody_waits_for_it() -> None:
    async with serving() as api:
        # Given a full queue whose producers are to wait
        await api.app.queues.limit_length("default", 1)
        await api.app.queues.overflow("default", "wait")
        await api.post("/jobs", BARE)
        # When one more comes
        answer = await api.post("/jobs", BARE)
        # Then the client is told at once when to come again
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (429, "queue_full")
        assert (answer.headers["retry-after"], type(error["details"]["wait_ms"])) == ("2", int)


def test_the_test_of_run_at_means_what_it_says() -> None:
    assert datetime.fromtimestamp(1_924_988_400, UTC).isoformat() == "2030-12-31T23:00:00+00:00"
