"""Starlette: the same with less.

uvicorn examples.asgi.with_starlette:api
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from abaca.http import asgi
from examples.asgi.jobs import app, count_words


@asynccontextmanager
async def lifespan(api: Starlette) -> AsyncIterator[None]:
    async with app, app.worker(concurrency=10, drain="20s"):
        yield


async def submit(request: Request) -> JSONResponse:
    job = await count_words.enqueue((await request.json())["text"])
    return JSONResponse({"job": job.id}, status_code=202)


async def counts(request: Request) -> JSONResponse:
    return JSONResponse(await count_words.job(request.path_params["id"]).result(timeout=10))


api = Starlette(
    routes=[
        Route("/texts", submit, methods=["POST"]),
        Route("/texts/{id}", counts),
        Mount("/abaca", asgi(app)),
    ],
    lifespan=lifespan,
)
