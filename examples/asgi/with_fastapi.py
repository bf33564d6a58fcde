"""FastAPI: a worker inside the program's lifespan, the service under /abaca, and routes of its own.

uvicorn examples.asgi.with_fastapi:api
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from pydantic import BaseModel

from abaca.http import asgi
from examples.asgi.jobs import app, count_words


class Text(BaseModel):
    text: str


class Accepted(BaseModel):
    job: str


@asynccontextmanager
async def lifespan(api: FastAPI) -> AsyncIterator[None]:
    async with app, app.worker(concurrency=10, drain="20s"):  # the worker ends first, then the store is closed
        yield


api = FastAPI(lifespan=lifespan)
api.mount("/abaca", asgi(app))


@api.post("/texts", status_code=202)
async def submit(text: Text) -> Accepted:
    job = await count_words.enqueue(text.text)
    return Accepted(job=job.id)


@api.get("/texts/{id}")
async def counts(id: str, wait: float = 10) -> dict[str, int]:
    return await count_words.job(id).result(timeout=wait)
