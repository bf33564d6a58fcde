"""``/live``, ``/ready``, ``/health``, ``/version``, ``/stats``, and the description of the API."""

from __future__ import annotations

import platform
from typing import Any

import msgspec

from abaca import __version__
from abaca.http.caller import Scope
from abaca.http.description import description
from abaca.http.docspage import PAGE_POLICY, docs_page
from abaca.http.endpoint import endpoint
from abaca.http.health import Probe
from abaca.http.replies import Answer, Reply
from abaca.http.requests import ApiRequest
from abaca.model import QueueSettings
from abaca.views import QueueView, instant, queue_view


class Live(msgspec.Struct, frozen=True, kw_only=True):
    status: str


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """``write_ms``: how long the store took to write a record just now, or within the last second."""

    status: str
    write_ms: float | None
    error: str | None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """``status``: ``ok``; ``degraded`` when no worker is alive or the store cannot be counted; ``down`` when it takes
    no writes."""

    status: str
    store: str
    workers: int | None
    running: int | None
    waiting: int | None
    version: str


class Version(msgspec.Struct, frozen=True, kw_only=True):
    abaca: str
    api: str
    python: str


class StatsView(msgspec.Struct, frozen=True, kw_only=True):
    """Counts now, and ``totals`` of ended jobs since the store was made. ``repaired``: what audits had to mend."""

    queues: list[QueueView]
    running: int
    totals: dict[str, int]
    workers: int
    repaired: int
    seen_at: str


@endpoint("GET", "/live", scope=None, root=True, tag="operations", examples={"answer": {"status": "ok"}})
async def live(request: ApiRequest) -> Live:
    """Whether the process answers. It asks the store nothing."""
    return Live(status="ok")


@endpoint("GET", "/ready", scope=None, root=True, tag="operations")
async def ready(request: ApiRequest) -> Ready | Answer[Ready]:
    """Whether the store takes a write: 200, or 503."""
    found = await request.service.piece(Probe).look()
    view = Ready(status="ready" if found.ready else "not ready", write_ms=found.write_ms, error=found.error)
    return view if found.ready else Answer(status=503, body=view, headers={"Retry-After": "2"})


@endpoint("GET", "/health", scope=None, root=True, tag="operations")
async def health(request: ApiRequest) -> Health | Answer[Health]:
    """The state of the whole in a few numbers: 200, or 503 when the store takes no writes."""
    found = await request.service.piece(Probe).look()
    if not found.ready:
        down = Health(status="down", store="away", workers=None, running=None, waiting=None, version=__version__)
        return Answer(status=503, body=down, headers={"Retry-After": "2"})
    stats = await request.app.stats()
    return Health(
        status="ok" if stats.workers else "degraded",
        store="ok",
        workers=len(stats.workers),
        running=stats.running,
        waiting=sum(queue.due + queue.later + queue.blocked for queue in stats.queues),
        version=__version__,
    )


@endpoint("GET", "/version", scope=None, tag="operations")
async def version(request: ApiRequest) -> Version:
    """Which release answers."""
    return Version(abaca=__version__, api="v1", python=platform.python_version())


@endpoint("GET", "/stats", scope=Scope.READ, tag="operations")
async def stats(request: ApiRequest) -> StatsView:
    """What waits in each queue, what runs, what has ended, and how many workers live."""
    found = await request.app.stats()
    settings = {queue.name: await request.app.queues.get(queue.name) for queue in found.queues}
    return StatsView(
        queues=[queue_view(queue, settings.get(queue.name, QueueSettings()), found) for queue in found.queues],
        running=found.running,
        totals=found.totals,
        workers=len(found.workers),
        repaired=found.repaired,
        seen_at=instant(found.seen_at),
    )


@endpoint("GET", "/openapi.json", scope=None, tag="operations")
async def openapi(request: ApiRequest) -> dict[str, Any]:
    """This description, as OpenAPI 3.1."""
    return description(request.service.endpoints, request.prefix)


@endpoint("GET", "/docs", scope=None, tag="operations")
async def docs(request: ApiRequest) -> Reply:
    """The same as a page."""
    page = docs_page(description(request.service.endpoints, request.prefix)).encode()
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(page)).encode()),
        (b"content-security-policy", PAGE_POLICY.encode()),
    ]
    return Reply(200, page, headers)


ENDPOINTS = (live, ready, health, version, stats, openapi, docs)
