"""``/workers``: who is there, and what each runs."""

from __future__ import annotations

from abaca.http.caller import Scope
from abaca.http.endpoint import endpoint
from abaca.http.errors import Code, not_found
from abaca.http.replies import Items
from abaca.http.requests import ApiRequest
from abaca.orders import order_drain
from abaca.views import WorkerView, worker_view


@endpoint("GET", "/workers", scope=Scope.READ)
async def list_workers(request: ApiRequest) -> Items[WorkerView]:
    """List the workers that have beaten within the last minute."""
    stats = await request.ask(lambda backend: backend.stats())
    return Items(items=[worker_view(card) for card in sorted(stats.workers, key=lambda card: card.id)])


@endpoint("GET", "/workers/{id}", scope=Scope.READ)
async def get_worker(request: ApiRequest, id: str) -> WorkerView:
    """Read one worker, as it was at its last beat."""
    stats = await request.ask(lambda backend: backend.stats())
    for card in stats.workers:
        if card.id == id:
            return worker_view(card)
    raise not_found(Code.WORKER_NOT_FOUND, f"there is no worker {id!r}, or it has not beaten for a minute")


@endpoint("POST", "/workers/{id}/drain", scope=Scope.ADMIN, status=202)
async def drain_worker(request: ApiRequest, id: str) -> WorkerView:
    """Tell a worker to claim no more, finish what it runs, and end. It hears of it within a beat."""
    worker = await get_worker.handler(request, id)
    await request.ask(lambda backend: order_drain(backend, id))
    view: WorkerView = worker
    return view


ENDPOINTS = (list_workers, get_worker, drain_worker)
