"""The dashboard with keys: a login gives a session with the key's scopes, and its owner's jobs alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from abaca.codec import new_id
from abaca.http.sessions import COOKIE
from abaca.keys import create_key
from abaca.model import Lease, Limit, NewJob, Status, Want
from tests.http import filling
from tests.http.browsing import Page, press, visit
from tests.http.harness import Api, serving


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving() as api:
        yield api


async def key(api: Api, *scopes: str, name: str = "ada") -> str:
    _, text = await create_key(api.app.client(), name, scopes=scopes)
    return text


async def a_job(api: Api, owner: str | None = None) -> str:
    new = NewJob(id=new_id(), task="render", lane="async", owner=owner)
    await (await api.app.backend()).insert([new])
    return new.id


async def log_in(api: Api, text: str, path: str = "/jobs") -> Page:
    page = await visit(api, path)
    assert page.answer.url.path == "/ui/login"
    return await press(api, page, "/login", {"key": text})


async def test_without_a_session_every_page_leads_to_the_login_and_it_leads_back(api: Api) -> None:
    # Given
    text = await key(api, "admin")
    # When
    page = await log_in(api, text, "/jobs?status=failed")
    # Then
    assert str(page.answer.url).endswith("/ui/jobs?status=failed")
    assert "Log out ada" in page.text


async def test_the_sessions_cookie_is_out_of_reach_of_scripts_and_other_sites(api: Api) -> None:
    text = await key(api, "admin")
    page = await log_in(api, text)
    (cookie,) = [each for each in page.answer.history[0].headers.get_list("set-cookie") if each.startswith(COOKIE)]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


@pytest.mark.parametrize("text", ["abaca_0123_wrong", "nothing like a key", ""])
async def test_a_wrong_key_gives_no_session(api: Api, text: str) -> None:
    # Given
    await key(api, "admin")
    page = await visit(api, "/login")
    # When
    after = await press(api, page, "/login", {"key": text}, status=401)
    # Then
    assert COOKIE not in api.client.cookies
    assert after.all("p", role="alert")


@pytest.mark.parametrize(
    "target", ["https://example.org/ui", "//example.org", "/ui/..//example.org", "/ui\\\\x", "/api"]
)
async def test_a_login_leads_to_pages_of_ours_alone(api: Api, target: str) -> None:
    text = await key(api, "admin")
    page = await visit(api, "/login")
    after = await press(api, page, "/login", {"key": text, "next": target})
    assert str(after.answer.url) == "http://127.0.0.1:8000/ui"


async def test_a_session_posts_with_its_own_token_alone(api: Api) -> None:
    # Given
    id = await a_job(api, owner="ada")
    await log_in(api, await key(api, "jobs:read", "jobs:write"))
    page = await visit(api, f"/jobs/{id}")
    # When
    refused = await api.client.post(f"/ui/jobs/{id}/cancel", data={"csrf": "x" * 32})
    after = await press(api, page, "/cancel")
    # Then
    assert refused.status_code == 403
    assert "1 job cancelled" in after.text


async def test_who_may_only_read_sees_no_buttons_and_can_press_none(api: Api) -> None:
    # Given
    id = await a_job(api, owner="ada")
    await log_in(api, await key(api, "jobs:read"))
    page = await visit(api, f"/jobs/{id}")
    token = page.form("/logout").fields["csrf"]
    # When
    answer = await api.client.post(f"/ui/jobs/{id}/cancel", data={"csrf": token})
    # Then
    assert [form.action for form in page.forms if form.method == "post"] == ["/ui/logout"]
    assert answer.status_code == 403
    assert "jobs:write" in answer.text
    (job,) = await (await api.app.backend()).get([id])
    assert job is not None
    assert job.status is Status.QUEUED


async def test_another_owners_jobs_are_neither_listed_nor_there_nor_hit(api: Api) -> None:
    # Given
    mine, other = await a_job(api, owner="ada"), await a_job(api, owner="bob")
    await log_in(api, await key(api, "jobs:read", "jobs:write"))
    # When
    listed = await visit(api, "/jobs?owner=bob")
    asked = await visit(api, "/bulk/cancel?status=queued")
    # Then
    assert listed.rows == [mine]
    assert "This will cancel 1 job" in asked.text
    await visit(api, f"/jobs/{other}", status=404)
    await press(api, asked, "/bulk/cancel")
    jobs = await (await api.app.backend()).get([mine, other])
    assert [job.status for job in jobs if job is not None] == [Status.CANCELLED, Status.QUEUED]


async def test_why_a_job_waits_names_no_job_of_another_owner(api: Api) -> None:
    # Given
    backend = await api.app.backend()
    limit = (Limit(bucket="name:one", concurrency=1),)
    ids = []
    for owner in ("bob", "ada"):
        new = NewJob(id=new_id(), task="render", lane="async", owner=owner, limits=limit)
        await backend.insert([new])
        await backend.exchange([], Want(queues=("default",), slots={"async": 1}), Lease(worker="w", ms=60_000))
        ids.append(new.id)
    await filling.beat(backend)
    text = await key(api, "jobs:read")
    # When
    await log_in(api, text)
    page = await visit(api, f"/jobs/{ids[1]}")
    # Then
    assert "Why it waits. It waits for others (limit)." in page.text
    assert ids[0] not in page.html


async def test_after_the_logout_the_session_is_gone(api: Api) -> None:
    # Given
    page = await log_in(api, await key(api, "admin"))
    token = api.client.cookies[COOKIE]
    # When
    await press(api, page, "/logout")
    # Then
    api.forget_callers()
    api.client.cookies.set(COOKIE, token)
    assert (await visit(api, "/jobs")).answer.url.path == "/ui/login"
