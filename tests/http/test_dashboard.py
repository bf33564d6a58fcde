"""The dashboard's pages: whole, escaped, filtered by their URL."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from abaca.codec import new_id
from abaca.model import ErrorInfo, NewJob, Status
from tests.http import filling
from tests.http.browsing import Page, visit
from tests.http.harness import Api, serving

PATHS = (
    "",
    "/jobs",
    "/jobs?status=failed&task=charge_card",
    "/failed",
    "/queues",
    "/queues/mail",
    "/workers",
    "/schedules",
    "/workflows",
    "/webhooks",
    "/webhooks?status=failed",
    "/bulk/cancel?status=queued",
    "/login",
)
DIRECTIVES = {"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'"}


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving() as api:
        yield api


async def hostile(api: Api) -> str:
    """Jobs whose every text is markup, one of them failed."""
    backend = await api.app.backend()
    word = filling.HOSTILE
    jobs = [
        NewJob(id=new_id(), task=word, queue=word, lane="async", tags=(word,), key=word, owner=word, tenant=word),
        NewJob(
            id=new_id(), task=word, args=b'{"<script>alert(1)</script>": "<script>alert(1)</script>"}', lane="async"
        ),
    ]
    await backend.insert(jobs)
    job = await api.claim()
    error = ErrorInfo(type=word, message=word, traceback=word, attempt=1)
    await filling.fail(backend, job, error)
    hook = {"url": "https://example.org/?a=<script>", "description": word, "filter": {"tasks": [word], "owner": word}}
    assert (await api.post("/webhooks", hook)).status_code == 201
    await api.app.schedules.create("s", NewJob(id="", task=word, lane="async"), every="5m", description=word)
    return job.id


def assert_plain(page: Page) -> None:
    """Nothing in the page runs or is fetched from elsewhere, and nobody else can speak through it."""
    policy = page.answer.headers["content-security-policy"]
    assert set(policy.split("; ")) >= DIRECTIVES
    assert "unsafe" not in policy
    for tag, given in page.tags:
        assert tag not in ("style", "iframe", "object", "embed", "base")
        assert tag != "script" or given["src"].startswith("/ui/assets/app.js?v=")
        assert not [name for name in given if name.startswith("on") or name == "style"], (tag, given)
        for name in ("src", "href", "action"):
            assert re.match(r"/ui(/|\?|#|$)|#|/api/v1/docs$", given.get(name, "#")), (tag, given)


async def test_a_page_runs_nothing_fetches_nothing_and_lets_no_markup_through(
    api: Api, subtests: pytest.Subtests
) -> None:
    # Given
    await filling.fill(api.app, api.clock, 300, minutes=3)
    await hostile(api)
    await filling.workflow(api.app)
    for path in PATHS:
        with subtests.test(path=path):
            # When
            page = await visit(api, path)
            # Then
            assert_plain(page)
            assert "<script>alert" not in page.html
            assert page.answer.headers["referrer-policy"] == "same-origin"


async def test_the_page_of_a_job_shows_all_of_it_and_lets_no_markup_through(api: Api) -> None:
    # Given
    id = await hostile(api)
    # When
    page = await visit(api, f"/jobs/{id}")
    # Then
    assert_plain(page)
    assert "<script>alert" not in page.html
    assert page.text.count(filling.HOSTILE) > 6


async def test_an_empty_store_shows_the_commands_that_fill_it(api: Api) -> None:
    pages = [(await visit(api, path)).text for path in ("", "/jobs", "/failed", "/queues", "/workers", "/schedules")]
    assert all("abaca " in text for text in pages)
    assert "chain(" in (await visit(api, "/workflows")).text


async def jobs_of_each_status(api: Api) -> dict[str, str]:
    """One waiting job, one that ran well, one that failed, one cancelled, one of later; ids by status."""
    backend = await api.app.backend()
    ids: dict[str, str] = {}
    for status in ("completed", "failed", "cancelled", "running", "scheduled", "queued"):
        new = NewJob(
            id=new_id(),
            task=f"t_{status}",
            queue="mail" if status == "failed" else "default",
            args=f'{{"word": "{status}"}}'.encode(),
            lane="async",
            tags=("odd",) if status in ("failed", "queued") else (),
            delay_ms=60_000 if status == "scheduled" else 0,
        )
        ids[status] = new.id
        await backend.insert([new])
        if status == "completed":
            await api.complete(await api.claim(), {"pages": 3})
        elif status == "failed":
            error = ErrorInfo(type="builtins.OSError", message="disk 7 is full", traceback="Traceback...", attempt=1)
            await filling.fail(backend, await api.claim("mail"), error)
        elif status == "cancelled":
            await backend.cancel([new.id])
        elif status == "running":
            await api.claim()
        api.clock.advance(1)
    return ids


FILTERS: list[tuple[str, set[str]]] = [
    ("", {"completed", "failed", "cancelled", "running", "scheduled", "queued"}),
    ("status=failed&status=queued", {"failed", "queued"}),
    ("status=failed,canceled", {"failed", "cancelled"}),
    ("status=pending", {"queued"}),
    ("task=t_failed", {"failed"}),
    ("queue=mail", {"failed"}),
    ("tag=odd", {"failed", "queued"}),
    ("tag=odd&status=queued", {"queued"}),
    ("q=sched", {"scheduled"}),
    ("since=2s", {"queued"}),
    ("since=1h&until=2s", {"completed", "failed", "cancelled", "running"}),
    ("until=2029-01-01", set()),
]


async def test_the_list_is_what_its_url_says(api: Api, subtests: pytest.Subtests) -> None:
    # Given
    ids = await jobs_of_each_status(api)
    for query, expected in FILTERS:
        with subtests.test(query=query):
            # When
            page = await visit(api, f"/jobs?{query}")
            # Then
            assert set(page.rows) == {ids[status] for status in expected}
            checked = [given["value"] for given in page.all("input", name="status") if "checked" in given]
            assert set(checked) <= set(Status)


async def test_a_filter_that_cannot_be_used_is_named(api: Api, subtests: pytest.Subtests) -> None:
    for query in ("status=lost", "since=soon", "until=2026-99-01", "limit=0", "limit=x"):
        with subtests.test(query=query):
            page = await visit(api, f"/jobs?{query}", status=422)
            assert query.partition("=")[0] in page.text


async def test_empty_fields_of_the_form_do_not_stay_in_the_url(api: Api) -> None:
    answer = await api.client.get("/ui/jobs?task=render&queue=&q=&status=failed")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/ui/jobs?status=failed&task=render"


async def test_an_id_in_the_search_leads_to_its_job(api: Api) -> None:
    ids = await jobs_of_each_status(api)
    page = await visit(api, f"/jobs?q={ids['failed'].upper()}")
    assert page.answer.url.path == f"/ui/jobs/{ids['failed']}"


async def test_pages_of_the_list_follow_each_other_and_keep_the_filter(api: Api) -> None:
    # Given
    backend = await api.app.backend()
    ids = [new_id() for _ in range(25)]
    await backend.insert([NewJob(id=id, task="mine" if at % 5 else "other") for at, id in enumerate(ids)])
    # When
    seen: list[str] = []
    path: str | None = "/jobs?task=mine&limit=8"
    urls = []
    while path is not None:
        page = await visit(api, path)
        urls.append(path)
        seen += page.rows
        path = page.link("next")
    # Then
    assert sorted(seen) == sorted(id for at, id in enumerate(ids) if at % 5)
    assert len(seen) == len(set(seen))
    assert len(urls) == 3
    assert all("task=mine" in url for url in urls)
    assert (await visit(api, urls[1])).rows == seen[8:16], "a page's URL is the page"


async def test_the_script_learns_how_many_jobs_of_the_list_are_new(api: Api) -> None:
    # Given
    await jobs_of_each_status(api)
    page = await visit(api, "/jobs?tag=odd")
    (bar,) = [given for given in page.all("a") if "data-new" in given]
    api.clock.advance(1)
    # When
    backend = await api.app.backend()
    await backend.insert([NewJob(id=new_id(), task="x", tags=("odd",)), NewJob(id=new_id(), task="x")])
    answer = await api.client.get(f"{bar['data-new']}&after={bar['data-after']}")
    # Then
    assert answer.text == "1"
    assert (await api.client.get(f"{bar['data-new']}&after={api.clock.now()}")).text == "0"


async def test_the_page_of_a_running_job_tells_its_progress_its_log_and_its_items(api: Api) -> None:
    # Given
    job = await filling.running_job(api.app)
    # When
    page = await visit(api, f"/jobs/{job.id}")
    # Then
    (bar,) = [given for given in page.all("progress") if "value" in given]
    assert bar["value"] == "60.0"
    assert "6 of 10 (60%), render, p5.png" in page.text
    assert "OSError: disk is full" in page.text
    assert "page done page=5" in page.text
    assert '{"page":5,"words":317}' in page.text
    assert page.all("body", data_stream=f"/api/v1/jobs/{job.id}/events?after=21")


async def test_a_job_that_waits_says_why_and_what_would_help(api: Api) -> None:
    # Given
    ids = await jobs_of_each_status(api)
    await api.app.queues.pause("default")
    # When
    page = await visit(api, f"/jobs/{ids['queued']}")
    # Then
    assert "Why it waits. The queue 'default' is paused" in page.text
    assert "abaca queues resume default" in page.text
    assert "Until in" in (await visit(api, f"/jobs/{ids['scheduled']}")).text


async def test_a_job_is_copied_as_curl_and_as_python(api: Api) -> None:
    # Given
    backend = await api.app.backend()
    args = b'{"name": "O\'Neil $(rm)", "n": null}'
    await backend.insert([new := NewJob(id=new_id(), task="render", queue="mail", args=args, tags=("a",))])
    # When
    page = await visit(api, f"/jobs/{new.id}")
    # Then
    curl, python = [given["data-copy"] for given in page.all("button", **{"class": "button"}) if "data-copy" in given]
    assert curl.startswith("curl -X POST http://127.0.0.1:8000/api/v1/jobs ")
    assert "'\"'\"'Neil $(rm)" in curl, "the shell sees one word"
    assert python.startswith("job = await app.enqueue_by_name('render', {")
    assert "'n': None" in python
    assert "queue='mail'" in python


async def test_the_address_of_the_service_alone_leads_to_the_dashboard(api: Api) -> None:
    answer = await api.client.get("/", follow_redirects=True)
    assert answer.url.path == "/ui"
    assert "Overview" in answer.text


async def test_files_are_kept_by_browsers_and_named_by_their_content(api: Api) -> None:
    page = await visit(api, "")
    for given in [*page.all("script"), *page.all("link", rel="stylesheet"), *page.all("img")]:
        answer = await api.client.get(given.get("src") or given["href"])
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert (await api.client.get("/ui/assets/app.js")).headers["cache-control"] == "no-cache"
    assert (await api.client.get("/ui/assets/secrets.txt")).status_code == 404


async def test_links_carry_the_prefix_under_which_the_service_is_mounted(api: Api) -> None:
    # Given
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/queue/ui/jobs",
        "root_path": "/queue",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "scheme": "http",
        "http_version": "1.1",
    }
    # When
    await api.service(scope, receive, send)
    # Then
    html = b"".join(message["body"] for message in sent if message["type"] == "http.response.body").decode()  # type: ignore[misc]
    links = re.findall(r'(?:href|src|action|data-stream|data-new)="([^"#]+)"', html)
    assert links
    assert all(link.startswith("/queue/") for link in links)
