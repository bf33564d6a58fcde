"""Litestar: the same, with the service as a mounted ASGI application.

uvicorn examples.asgi.with_litestar:api
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from litestar import Litestar, asgi, get, post
from litestar.types import Receive, Scope, Send

from abaca.http import asgi as service
from examples.asgi.jobs import app, count_words


@dataclass
class Text:
    text: str


@asynccontextmanager
async def lifespan(api: Litestar) -> AsyncIterator[None]:
    async with app, app.worker(concurrency=10, drain="20s"):
        yield


@post("/texts", status_code=202)
async def submit(data: Text) -> dict[str, str]:
    job = await count_words.enqueue(data.text)
    return {"job": job.id}


@get("/texts/{id:str}")
async def counts(id: str) -> dict[str, int]:
    return await count_words.job(id).result(timeout=10)


_service: Any = service(app)


@asgi("/abaca", is_mount=True)
async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
    await _service(scope, receive, send)


api = Litestar(route_handlers=[submit, counts, mounted], lifespan=[lifespan])
