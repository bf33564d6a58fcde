"""What a client of the API of documents does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from abaca_documents.library import Library
from tests.http.harness import Api

GARDEN = "# The garden\n\nRoses want sun and much water. Cut them back in spring.\n"
HARBOUR = "# The harbour\n\nShips that arrive by night wait for the pilot.\n"
Answers = dict[str, Any]


class Shelf:
    """A client of one service."""

    def __init__(self, api: Api, headers: dict[str, str] | None = None) -> None:
        self.api = api
        self.headers = headers or {}

    def of(self, key: str) -> Shelf:
        """The same service by a key."""
        return Shelf(self.api, {"Authorization": f"Bearer {key}"})

    @property
    def folder(self) -> Path:
        """Where the store of the service lies."""
        return Path(self.api.app.url.removeprefix("sqlite:///")).parent

    @property
    def library(self) -> Library:
        return Library.of(self.api.app)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.call("GET", path, **options)

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        return await self.api.client.request(method, f"/api/v1{path}", headers=headers, **options)

    async def upload(self, content: str | bytes = GARDEN, name: str = "garden.md", **fields: Any) -> httpx.Response:
        """A form; a field that is no text is sent as JSON. ``wait`` goes into the query."""
        options = {"params": {"wait": fields.pop("wait")}} if "wait" in fields else {}
        headers = fields.pop("headers", {})
        data = {field: value if isinstance(value, str) else json.dumps(value) for field, value in fields.items()}
        return await self.call(
            "POST", "/documents/upload", files={"file": (name, content)}, data=data, headers=headers, **options
        )

    async def stored(self, content: str | bytes = GARDEN, name: str = "garden.md", **fields: Any) -> Answers:
        """A document that is taken in."""
        answer = await self.upload(content, name, **{"collection": "books", **fields})
        assert answer.status_code in (200, 201), answer.text
        return dict(answer.json())

    async def ended(self, job_id: str) -> Answers:
        """A job, once it has ended."""
        job: Answers = (await self.get(f"/jobs/{job_id}", params={"wait": 50})).json()
        assert job["status"] in ("completed", "failed", "cancelled"), job
        return job


def code(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an error."""
    return answer.status_code, answer.json()["error"]["code"]
