"""``/worker``: workers in any language."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import AsyncExitStack

from abaca.backend import Backend
from abaca.http.caller import Caller, Scope
from abaca.http.endpoint import endpoint
from abaca.http.errors import ApiError, Code
from abaca.http.paging import Waiting
from abaca.http.replies import Items
from abaca.http.requests import ApiRequest
from abaca.http.service import Service
from abaca.remote import (
    BeatRequest,
    ClaimedRun,
    ClaimRequest,
    RemoteWorkers,
    RunAnswer,
    SettleRequest,
    UpdateRequest,
    Upkeep,
)


class RemoteDesk:
    """The verbs over a connection to the store that is their own, so that a held claim keeps nobody waiting."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._backend: Backend | None = None
        self._workers: RemoteWorkers | None = None

    async def workers(self) -> RemoteWorkers:
        async with self._opening:
            if self._workers is None:
                app = self._service.app
                self._backend = await self._stack.enter_async_context(app.connect())
                await self._stack.enter_async_context(Upkeep(self._backend, "service").running())
                self._workers = RemoteWorkers(self._backend, app.blobs)
            return self._workers

    async def close(self) -> None:
        if self._backend is not None:
            self._backend.unhold()
        await self._stack.aclose()


@endpoint("POST", "/worker/claim", scope=Scope.WORKER, tag="worker")
async def claim(request: ApiRequest, body: ClaimRequest, query: Waiting) -> Items[ClaimedRun]:
    """Claim jobs to run, waiting for one up to ``wait`` seconds.

    What is claimed for a worker that has gone meanwhile is given back at once.
    """
    _check_queues(request.caller, body.queues)
    workers = await request.service.piece(RemoteDesk).workers()
    holder = _holder(request.caller, body.worker)
    claiming = asyncio.ensure_future(workers.claim(body, holder, round(query.wait * 1000)))
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((claiming, gone), return_when=asyncio.FIRST_COMPLETED)
        if not claiming.done():
            workers.unhold()
        runs = await claiming
        if gone.done() and not gone.cancelled():
            await workers.release(runs, holder)
            runs = []
        return Items(items=runs)
    finally:
        claiming.cancel()
        gone.cancel()


@endpoint("POST", "/worker/beat", scope=Scope.WORKER, tag="worker")
async def beat(request: ApiRequest, body: BeatRequest) -> Items[RunAnswer]:
    """Renew the leases of the worker's runs, and hear which to stop."""
    workers = await request.service.piece(RemoteDesk).workers()
    return Items(items=await workers.beat(body, _holder(request.caller, body.worker)))


@endpoint("POST", "/worker/settle", scope=Scope.WORKER, tag="worker")
async def settle(request: ApiRequest, body: SettleRequest) -> Items[RunAnswer]:
    """Say how runs ended. What follows (a retry, an end) is decided here."""
    workers = await request.service.piece(RemoteDesk).workers()
    return Items(items=await workers.settle(body, _holder(request.caller, body.worker)))


@endpoint("POST", "/worker/append", scope=Scope.WORKER, tag="worker")
async def append(request: ApiRequest, body: UpdateRequest) -> Items[RunAnswer]:
    """Add progress, log lines and items of runs."""
    workers = await request.service.piece(RemoteDesk).workers()
    return Items(items=await workers.append(body, _holder(request.caller, body.worker)))


def _holder(caller: Caller, worker: str) -> str:
    return f"http:{caller.key or 'local'}:{worker}"


def _check_queues(caller: Caller, queues: Collection[str]) -> None:
    others = sorted(set(queues) - set(caller.queues)) if caller.queues else []
    if others:
        raise ApiError(
            403,
            Code.FORBIDDEN,
            f"the key {caller.name or caller.key!r} is for the queues {', '.join(caller.queues)}, not {others[0]!r}",
            field="queues",
            details={"queues": list(caller.queues)},
        )


async def _gone(request: ApiRequest) -> None:
    """Until the caller has closed the connection."""
    while (await request.connection.receive())["type"] != "http.disconnect":
        pass


ENDPOINTS = (claim, beat, settle, append)
