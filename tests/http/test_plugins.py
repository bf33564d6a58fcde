"""What a plugin adds to the service: routes, a page, files, an entry of the navigation."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from abaca import App
from abaca.keys import create_key
from tests.greeting.plugin import PLUGIN
from tests.http.harness import Api, serving


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving(App("memory://", plugins=[PLUGIN])) as api:
        yield api


async def test_its_routes_are_part_of_the_api_and_of_its_description(api: Api) -> None:
    answer = await api.post("/letters", {"text": "dear"})
    assert answer.json() == {"length": 4}
    assert "/api/v1/letters" in (await api.get("/openapi.json")).json()["paths"]


async def test_a_route_may_take_larger_bodies_than_the_rest(api: Api) -> None:
    # Given a text above the service's limit of 1 MiB and below the plugin's of 2 MiB
    large = "x" * (3 << 19)
    # Then its route takes it, and another does not
    assert (await api.post("/letters", {"text": large})).json() == {"length": len(large)}
    assert (await api.post("/jobs", {"task": "t", "args": {"text": large}})).status_code == 413
    assert (await api.post("/letters", {"text": large * 2})).status_code == 413


async def test_what_a_key_may_do_of_one_thing_is_limited_by_key(api: Api) -> None:
    # Given a key, and a route that may be called twice at once
    _, text = await create_key(api.app.client(), "ada")
    bearer = {"authorization": f"Bearer {text}"}
    answers = [await api.post("/letters", {"text": "x"}, headers=bearer) for _ in range(3)]
    # Then the third call is told when to come again
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[2].headers["retry-after"]) >= 1
    # And another key has tokens of its own
    _, other = await create_key(api.app.client(), "bob")
    assert (await api.post("/letters", {"text": "x"}, headers={"authorization": f"Bearer {other}"})).status_code == 200


async def test_its_page_stands_in_the_frame_with_its_files(api: Api) -> None:
    page = (await api.client.get("/ui/greeting")).text
    assert '<p class="greeting">hello</p>' in page
    assert 'aria-current="page"' in page
    # And its files are served from its own folder alone
    address = page.partition('href="/ui/assets/greeting/greeting.css')[2].partition('"')[0]
    file = await api.client.get(f"/ui/assets/greeting/greeting.css{address}")
    assert file.headers["content-type"].startswith("text/css")
    assert "immutable" in file.headers["cache-control"]
    for name in ("greeting/plugin.py", "greeting/app.css", "nobody/greeting.css", "greeting/..%2Fplugin.py"):
        assert (await api.client.get(f"/ui/assets/{name}")).status_code == 404


async def test_other_pages_lead_to_it(api: Api) -> None:
    assert 'href="/ui/greeting"' in (await api.client.get("/ui/jobs")).text
