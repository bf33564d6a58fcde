"""Arguments that a task declares as secret are masked wherever a job is shown."""

from __future__ import annotations

from typing import Any

import pytest

from abaca.announce import announce
from abaca.app import App
from abaca.backends.memory import MemoryBackend
from abaca.errors import ConfigError
from abaca.limitspec import Limit
from abaca.views import job_view, job_views, schedule_view
from tests.http.harness import serving


def declared(app: App) -> None:
    @app.task(secret=["password"])
    async def login(user: str, password: str = "") -> None:
        pass


async def test_the_api_masks_what_the_code_declares() -> None:
    # Given
    app = App(backend=MemoryBackend())
    declared(app)
    async with serving(app) as api:
        handle = await app.enqueue_by_name("login", {"user": "ada", "password": "hunter2"})
        # When
        answer = await api.get(f"/jobs/{handle.id}")
        # Then
        assert answer.json()["args"] == {"user": "ada", "password": "***"}
        assert "hunter2" not in answer.text


async def test_a_process_without_the_code_masks_what_was_announced() -> None:
    # Given
    backend = MemoryBackend()
    owner, other = App(backend=backend), App(backend=backend)
    declared(owner)
    await announce(backend, owner.tasks)
    # When
    handle = await other.enqueue_by_name("login", {"user": "ada", "password": "hunter2"})
    await other.enqueue_by_name("open", {"password": "seen"}, pool="async")
    views = {view.task: view for view in await job_views(other, (await other.find()).jobs)}
    schedule = await other.schedules.create("s", await other.named_job("login", {"password": "x"}), every=5)
    # Then
    assert views["login"].args == {"user": views["login"].args["user"], "password": "***"}
    assert bytes(views["open"].args) == b'{"password":"seen"}'
    assert schedule_view(schedule, (), ["password"]).args == {"password": "***"}
    assert job_view(await handle.info()).args != views["login"].args


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"secret": ["pasword"]}, "pasword"),
        ({"secret": "password"}, "list"),
        ({"secret": ["password"], "limits": [Limit(concurrency=1, per="password")]}, "per"),
    ],
)
def test_what_cannot_be_masked_is_refused_at_the_declaration(options: Any, word: str) -> None:
    # Given
    app = App("memory://")

    async def login(user: str, password: str) -> None:
        pass

    # When / Then
    with pytest.raises(ConfigError, match=word):
        app.task(**options)(login)
