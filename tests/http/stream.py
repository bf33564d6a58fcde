"""A reader of one stream of the service: drives the ASGI application by hand, as a server does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from tests.http.harness import Api

PATIENCE = 20.0


class Reader:
    """``slow`` readers take a frame only when the test asks for one."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.ended = asyncio.Event()
        self._frames: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)
        self._gone = asyncio.Event()
        self._asked = False

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
        elif message["body"]:
            await self._frames.put(message["body"])
        if not message.get("more_body", True):
            self.ended.set()

    def leave(self) -> None:
        self._gone.set()

    async def frame(self) -> str:
        """The next piece of the stream as it is."""
        return (await asyncio.wait_for(self._frames.get(), PATIENCE)).decode()

    async def event(self) -> tuple[str | None, str, Any]:
        """The next event: its id, its name, its data."""
        while True:
            frame = await self.frame()
            fields = dict(line.split(": ", 1) for line in frame.strip().splitlines() if not line.startswith(":"))
            if "event" in fields:
                return fields.get("id"), fields["event"], msgspec.json.decode(fields["data"])


@asynccontextmanager
async def reading(api: Api, path: str, headers: dict[str, str] | None = None) -> AsyncIterator[Reader]:
    """A stream of the API that is being read; the reader goes at the end of the block."""
    reader = Reader()
    path, _, query = f"/api/v1{path}".partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1:8000")]
        + [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
        "client": ("127.0.0.1", 40_000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }
    serving = asyncio.create_task(api.service(scope, reader.receive, reader.send))
    try:
        yield reader
    finally:
        reader.leave()
        await asyncio.wait_for(serving, PATIENCE)
