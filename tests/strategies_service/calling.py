"""What a client of the API of strategies does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from abaca import App
from abaca.keys import create_key
from abaca_strategies.plugin import PLUGIN
from abaca_strategies.strategies import Strategies
from tests.http.harness import Api, serving
from tests.strategies_service.authors import CROSS

PATIENCE = 50
Json = dict[str, Any]


class Desk:
    """A client of one service."""

    def __init__(self, api: Api, headers: dict[str, str] | None = None) -> None:
        self.api = api
        self.headers = headers or {}

    @property
    def service(self) -> Strategies:
        return Strategies.of(self.api.app)

    async def of(self, owner: str, *scopes: str) -> Desk:
        """The same service by a key of its own."""
        _, key = await create_key(self.api.app.client(), owner, scopes=scopes or ("strategies", "jobs:read"))
        self.api.forget_callers()
        return Desk(self.api, {"Authorization": f"Bearer {key}"})

    async def call(self, method: str, path: str, json: Any = None, **options: Any) -> httpx.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        if json is not None:
            options["json"] = json
        return await self.api.client.request(method, f"/api/v1{path}", headers=headers, **options)

    async def get(self, path: str) -> httpx.Response:
        return await self.call("GET", path)

    async def post(self, path: str, json: Any = None, **options: Any) -> httpx.Response:
        return await self.call("POST", path, {} if json is None else json, **options)

    async def made(self, code: str = CROSS, **fields: Any) -> int:
        """The id of a new strategy."""
        answer = await self.post("/strategies", {"name": "cross", "python_code": code, **fields})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["strategyId"])

    async def read(self, path: str) -> Json:
        """What is there."""
        answer = await self.get(path)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def run(self, path: str, json: Json, **options: Any) -> Json:
        """A run that was waited for, as it is answered."""
        answer = await self.post(f"{path}?wait={PATIENCE}", json, **options)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


@asynccontextmanager
async def desk_of(folder: Path, monkeypatch: pytest.MonkeyPatch, *, works: bool) -> AsyncIterator[Desk]:
    """A service on SQLite in ``folder``; ``works``: with a worker in this process."""
    monkeypatch.setenv("ABACA_STRATEGIES_FOLDER", str(folder / "strategies"))
    app = App(f"sqlite:///{folder}/jobs.db", plugins=[PLUGIN], poll_interval=0.1)
    async with serving(app) as api:
        if not works:
            yield Desk(api)
            return
        async with app.worker(queues=PLUGIN.queues):
            yield Desk(api)


def code(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an error."""
    return answer.status_code, answer.json()["error"]["code"]
