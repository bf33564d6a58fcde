"""The service in this process, over a store in memory, and what a worker would do to its jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec

from abaca.app import App
from abaca.backend import Backend
from abaca.backends.memory import MemoryBackend
from abaca.clock import ManualClock
from abaca.http import HttpSettings, asgi
from abaca.http.caller import Caller
from abaca.http.callers import Callers
from abaca.keys import ApiKey
from abaca.model import Job, Lease, Settle, State, Transition, Want

LEASE = Lease(worker="w-test", ms=60_000)


class Api:
    """A client of one service, and the app and the store behind it. ``clock`` moves by hand."""

    def __init__(self, client: httpx.AsyncClient, app: App, clock: ManualClock, service: Any) -> None:
        self.client = client
        self.app = app
        self.clock = clock
        self.service = service

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.client.get(f"/api/v1{path}", **options)

    async def post(self, path: str, json: Any = None, **options: Any) -> httpx.Response:
        return await self.client.post(f"/api/v1{path}", json={} if json is None else json, **options)

    async def patch(self, path: str, json: Any, **options: Any) -> httpx.Response:
        return await self.client.patch(f"/api/v1{path}", json=json, **options)

    async def put(self, path: str, json: Any, **options: Any) -> httpx.Response:
        return await self.client.put(f"/api/v1{path}", json=json, **options)

    async def delete(self, path: str, **options: Any) -> httpx.Response:
        return await self.client.delete(f"/api/v1{path}", **options)

    def forget_callers(self) -> None:
        """Let the service ask the store about keys again, as it does every few seconds."""
        self.service.service.callers = Callers(self.service.service.settings)

    def caller(self, key: ApiKey) -> Caller:
        return Caller.of(key)

    async def claim(self, queue: str = "default", lane: str = "async", hold_ms: int = 0) -> Job:
        """Take the next job, as a worker does; with ``hold_ms``, as soon as there is one."""
        backend = await self.app.backend()
        (job,) = (await backend.exchange([], Want(queues=(queue,), slots={lane: 1}, hold_ms=hold_ms), LEASE)).jobs
        return job

    async def complete(self, job: Job, result: Any = None) -> None:
        await self.settle(
            job, Transition(target=State.COMPLETED, attempts=job.attempt, result=_json(result), keep_ms=60_000)
        )

    async def settle(self, job: Job, to: Transition) -> None:
        backend = await self.app.backend()
        await backend.exchange([Settle(id=job.id, epoch=job.epoch, to=to)], None, LEASE)


@asynccontextmanager
async def serving(
    app: App | None = None,
    *,
    backend: Backend | None = None,
    settings: HttpSettings | None = None,
    key: str | None = None,
    peer: str = "127.0.0.1",
    host: str = "127.0.0.1:8000",
) -> AsyncIterator[Api]:
    """A service on loopback. ``backend``: a store over the one in memory; ``key`` is sent with every request."""
    clock = ManualClock()
    app = app or App(backend=backend or MemoryBackend(clock), poll_interval=0.05)
    service = asgi(app, settings)
    transport = httpx.ASGITransport(app=service, client=(peer, 40_000))
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}", headers=headers) as client:
        try:
            yield Api(client, app, clock, service)
        finally:
            await service.service.close()
            await app.close()


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)
