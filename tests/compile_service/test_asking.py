"""What may be asked, by whom, and what is said where it may not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from abaca.keys import create_key
from abaca.model import ErrorInfo, State, Transition
from abaca_compile.plugin import PLUGIN
from abaca_compile.service.compiler import Compiler
from tests.compile_service.conftest import announced
from tests.compile_service.machine import BAD, GOOD, WARNED, equipped
from tests.http.harness import Api, serving
from tests.receiver import receiving


async def key_of(api: Api, name: str) -> dict[str, str]:
    """The header of a new key. From the first one on the service asks for one."""
    _, text = await create_key(api.app.client(), name)
    return {"authorization": f"Bearer {text}"}


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"compiler": "gcc-99"}, 422, "unknown_environment", "compiler"),
        ({"environment": "gcc-nine"}, 422, "unknown_environment", "environment"),
        ({"standard": "c3000"}, 422, "invalid", "standard"),
        ({"flags": ["-wrapper,sh"]}, 422, "invalid", "flags[0]"),
        ({"filename": "../a.c"}, 422, "invalid", "filename"),
        ({"source_code": ""}, 422, "invalid", "source_code"),
        ({"source_code": "x" * ((1 << 20) + 1)}, 422, "invalid", "source_code"),
        ({"limits": {"wall_ms": 10**9}}, 422, "invalid", "limits.wall_ms"),
        ({"tags": ["environment:mine"]}, 422, "invalid", "tags[0]"),
        ({"callback_url": "ftp://example.org"}, 422, "invalid", "callback_url"),
        ({"priority": 1000}, 422, "invalid", "priority"),
        ({"colour": "red"}, 422, "invalid", None),
        ({"language": "cobol"}, 422, "invalid", "language"),
    ],
)
async def test_a_submission_that_cannot_be_run_is_refused_by_its_field(
    api: Api, change: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    answer = await api.post("/compile", {"source_code": GOOD, "language": "c", **change})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code), error
    assert field is None or error["field"] == field
    if code == "unknown_environment":
        assert error["details"]["near"]
    assert (await api.get("/compile")).json()["items"] == []


async def test_a_request_costs_one_token_whatever_it_holds(api: Api) -> None:
    # Given a key, which may submit five times at once
    ada = await key_of(api, "ada")
    batch = {"items": [{"source_code": GOOD, "language": "c"}] * 10}
    # When
    answers = [await api.post("/compile/batch", batch, headers=ada) for _ in range(6)]
    # Then
    assert [answer.status_code for answer in answers] == [202] * 5 + [429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    # And reading costs none of them
    id = answers[0].json()["items"][0]["job_id"]
    assert (await api.get(f"/compile/{id}?wait=30", headers=ada)).status_code == 200
    # And another key sees nothing of it
    assert (await api.get(f"/compile/{id}", headers=await key_of(api, "bob"))).status_code == 404


async def test_an_idempotency_key_answers_the_job_that_has_it(api: Api) -> None:
    asked = {"source_code": GOOD, "language": "c", "idempotency_key": "once"}
    first = (await api.post("/compile?wait=30", asked)).json()
    again = (await api.post("/compile?wait=30", asked)).json()
    assert again["job_id"] == first["job_id"]
    other = await api.post("/compile", {**asked, "source_code": BAD})
    assert (other.status_code, other.json()["error"]["details"]["job_id"]) == (409, first["job_id"])


async def test_compilations_are_listed_by_what_they_are(api: Api) -> None:
    # Given
    for source, language in ((GOOD, "c"), (BAD, "c"), (BAD, "cpp")):
        await api.post("/compile?wait=30", {"source_code": source, "language": language, "tags": [language]})
    # Then
    for query, wanted in (
        ("", 3),
        ("status=failed", 2),
        ("status=completed&status=failed", 3),
        ("language=cpp", 1),
        ("language=c&status=failed", 1),
        ("tag=cpp", 1),
        ("status=queued", 0),
    ):
        assert len((await api.get(f"/compile?{query}")).json()["items"]) == wanted, query
    id = (await api.get("/environments?language=cpp")).json()["items"][0]["id"]
    assert len((await api.get("/compile", params={"environment": id})).json()["items"]) == 1
    # And page by page
    first = (await api.get("/compile?limit=2")).json()
    assert len((await api.get(f"/compile?cursor={first['next_cursor']}")).json()["items"]) == 1


async def test_a_verdict_is_also_text_sarif_and_annotations(api: Api) -> None:
    id = (await api.post("/compile?wait=30", {"source_code": BAD, "language": "c"})).json()["job_id"]
    assert (await api.get(f"/compile/{id}?format=sarif")).json()["runs"][0]["results"][0]["level"] == "error"
    assert "::error file=main.c,line=1" in (await api.get(f"/compile/{id}?format=annotations")).text
    assert "main.c:1:" in (await api.get(f"/compile/{id}?format=text")).text


async def test_what_was_built_can_be_read_and_run(api: Api) -> None:
    # When a program is built and run
    source = '#include <stdio.h>\nint main(void) { int n; scanf("%d", &n); printf("%d\\n", n * 2); return 3; }\n'
    run = {"enabled": True, "stdin": "21\n"}
    view = (await api.post("/compile?wait=30", {"source_code": source, "language": "c", "run": run})).json()
    # Then
    assert (view["status"], view["run"]["stdout"], view["run"]["exit_code"]) == ("completed", "42\n", 3)
    built = await api.get(view["artifact"]["url"].removeprefix("/api/v1"))
    assert built.content.startswith(b"\x7fELF")
    assert len(built.content) == view["artifact"]["size"]
    # And one that built nothing says so
    failed = (await api.post("/compile?wait=30", {"source_code": BAD, "language": "c"})).json()
    assert (await api.get(f"/compile/{failed['job_id']}/artifact")).status_code == 404


async def test_a_compilation_is_cancelled_and_its_events_are_those_of_its_job() -> None:
    # Given a compilation that waits
    app = equipped()
    async with serving(app) as api, app.worker(queues=("other",)):
        await announced(Compiler.of(app))
        view = (await api.post("/compile", {"source_code": WARNED, "language": "c"})).json()
        assert (view["status"], view["compiled"]) == ("queued", None)
        assert view["environment"]["language"] == "c"
        # When
        events = await api.get(f"/compile/{view['job_id']}/events")
        assert events.headers["location"] == f"/api/v1/jobs/{view['job_id']}/events"
        assert (await api.delete(f"/compile/{view['job_id']}")).json()["cancelled"] is True
        # Then
        assert (await api.get(f"/compile/{view['job_id']}")).json()["status"] == "cancelled"


async def test_environments_are_those_that_live_workers_have(api: Api) -> None:
    # Then each says which worker has it
    (c, *_) = (await api.get("/environments?language=c")).json()["items"]
    assert [worker["available"] for worker in c["workers"]] == [True]
    assert (await api.get(f"/environments/{c['id']}")).json() == c
    missing = await api.get("/environments/gcc-99")
    assert (missing.status_code, bool(missing.json()["error"]["details"]["near"])) == (404, True)
    assert (await api.post("/environments/refresh")).json() == {"workers": 1}
    stats = (await api.get("/workers/stats")).json()
    assert (stats["max_workers"], stats["available_slots"], stats["queued_jobs"]) == (2, 2, 0)


async def test_without_workers_nothing_is_taken_that_nobody_could_compile() -> None:
    async with serving(equipped()) as api:
        answer = await api.post("/compile", {"source_code": GOOD, "language": "c"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_compilers")
    # But once a worker has been seen, jobs wait for the next one
    app = equipped()
    async with serving(app) as api:
        async with app.worker(queues=PLUGIN.queues):
            await announced(Compiler.of(app))
        assert (await api.post("/compile", {"source_code": GOOD, "language": "c"})).status_code == 202


async def test_what_is_ours_to_mend_is_an_error_and_no_verdict() -> None:
    # Given a compilation that no worker could run
    app = equipped()
    async with serving(app) as api, app.worker(queues=("other",)):
        await announced(Compiler.of(app))
        id = (await api.post("/compile", {"source_code": GOOD, "language": "c"})).json()["job_id"]
        job = await api.claim("compile", "batch:compile.run")
        assert (await api.get(f"/compile/{id}")).json()["status"] == "processing"
        # When its last attempt fails
        error = ErrorInfo(type="abaca_compile.errors.Unsandboxed", message="there is no sandbox")
        await api.settle(job, Transition(target=State.FAILED, attempts=4, error=error, keep_ms=60_000))
        # Then
        view = (await api.get(f"/compile/{id}")).json()
        assert (view["status"], view["compiled"]) == ("error", None)
        assert "there is no sandbox" in view["error"]
        assert [one["job_id"] for one in (await api.get("/compile?status=error")).json()["items"]] == [id]


async def test_whoever_asked_is_called_back() -> None:
    # Given a receiver, which the worker may reach
    app = equipped()
    async with receiving() as hook, serving(app) as api, app.worker(queues=PLUGIN.queues, webhook_allow=["127.0.0.1"]):
        await announced(Compiler.of(app))
        # When a submission names it
        asked = {"source_code": BAD, "language": "c", "callback_url": hook.url}
        view = (await api.post("/compile", asked)).json()
        # Then the verdict comes to it
        (request,) = await hook.has(1)
        said = json.loads(request.body)["job"]
        assert (said["id"], said["result"]["result"]["compiled"]) == (view["job_id"], False)
