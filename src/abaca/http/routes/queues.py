"""``/queues``: what waits, and how it is let through."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from abaca.checks import check_name
from abaca.http.caller import Scope
from abaca.http.endpoint import endpoint
from abaca.http.errors import Code, not_found
from abaca.http.replies import Items
from abaca.http.requests import ApiRequest
from abaca.model import Overflow, QueueSettings, QueueStats, Stats
from abaca.queues import MOST_AT_ONCE
from abaca.views import QueueView, queue_view

Count = Annotated[int, Meta(ge=0, le=MOST_AT_ONCE)]
_decode = msgspec.json.Decoder(QueueSettings).decode


class ChangeQueue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is given is changed, the rest stays; ``null`` takes a limit away.

    ``concurrency``: how many of its jobs run at once, over all workers. ``max_length``: how many may wait in it.
    ``max_wait_ms``: how long a new job may have to wait. ``overflow``: what becomes of a job for a full queue.
    ``weights``: claims of a tenant in its turn. ``aging``: no priority starves.
    """

    paused: bool | UnsetType = UNSET
    concurrency: Count | UnsetType | None = UNSET
    max_length: Count | UnsetType | None = UNSET
    max_wait_ms: Count | UnsetType | None = UNSET
    overflow: Overflow | UnsetType = UNSET
    weights: dict[str, int] | UnsetType = UNSET
    aging: bool | UnsetType = UNSET


class Purge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``dry_run`` counts and deletes nothing."""

    dry_run: bool = False


class Purged(msgspec.Struct, frozen=True, kw_only=True):
    """``deleted``: jobs that waited in the queue and are gone, or in a dry run would be."""

    deleted: int
    dry_run: bool


@endpoint("GET", "/queues", scope=Scope.READ)
async def list_queues(request: ApiRequest) -> Items[QueueView]:
    """List the queues in which something waits, and those with settings."""
    stats, settings = await _look(request)
    counted = {queue.name: queue for queue in stats.queues}
    names = sorted({*counted, *settings})
    return Items(items=[_view(name, counted, settings, stats) for name in names])


@endpoint("GET", "/queues/{name}", scope=Scope.READ)
async def get_queue(request: ApiRequest, name: str) -> QueueView:
    """Read one queue. 404 where nothing waits in it and it has no settings."""
    stats, settings = await _look(request)
    counted = {queue.name: queue for queue in stats.queues}
    if name not in counted and name not in settings:
        raise not_found(Code.QUEUE_NOT_FOUND, f"nothing waits in a queue {name!r}, and it has no settings")
    return _view(name, counted, settings, stats)


@endpoint("PUT", "/queues/{name}", scope=Scope.ADMIN, examples={"body": {"concurrency": 4, "max_length": 10_000}})
async def change_queue(request: ApiRequest, name: str, body: ChangeQueue) -> QueueView:
    """Change the settings of a queue; they hold for all workers at once."""
    queues = request.app.queues
    check_name(name, "queue")
    if body.weights is not UNSET:  # what may be refused goes first
        await queues.weigh(name, body.weights)
    bounds = (body.max_length, body.max_wait_ms, body.overflow)
    if any(value is not UNSET for value in bounds):
        max_wait = body.max_wait_ms / 1000 if isinstance(body.max_wait_ms, int) else body.max_wait_ms
        await queues.bound(name, max_length=body.max_length, max_wait=max_wait, overflow=body.overflow)
    if body.concurrency is not UNSET:
        await queues.limit(name, body.concurrency)
    if body.aging is not UNSET:
        await queues.age(name, body.aging)
    if body.paused is not UNSET:
        await (queues.pause(name) if body.paused else queues.resume(name))
    return await _seen(request, name)


@endpoint("POST", "/queues/{name}/pause", scope=Scope.ADMIN)
async def pause_queue(request: ApiRequest, name: str) -> QueueView:
    """Let workers claim nothing from it; what runs goes on, and jobs can be submitted."""
    await request.app.queues.pause(name)
    return await _seen(request, name)


@endpoint("POST", "/queues/{name}/resume", scope=Scope.ADMIN)
async def resume_queue(request: ApiRequest, name: str) -> QueueView:
    """Let workers claim from it again."""
    await request.app.queues.resume(name)
    return await _seen(request, name)


@endpoint("POST", "/queues/{name}/purge", scope=Scope.ADMIN, examples={"body": {"dry_run": True}})
async def purge_queue(request: ApiRequest, name: str, body: Purge) -> Purged:
    """Delete all jobs that wait in it, those of later too. What runs and what has ended stays."""
    if body.dry_run:
        queue = await _seen(request, name)
        return Purged(deleted=queue.due + queue.later + queue.blocked, dry_run=True)
    return Purged(deleted=await request.app.queues.purge(name), dry_run=False)


async def _seen(request: ApiRequest, name: str) -> QueueView:
    stats, settings = await _look(request)
    return _view(name, {queue.name: queue for queue in stats.queues}, settings, stats)


def _view(name: str, counted: dict[str, QueueStats], settings: dict[str, QueueSettings], stats: Stats) -> QueueView:
    return queue_view(counted.get(name, QueueStats(name=name)), settings.get(name, QueueSettings()), stats)


async def _look(request: ApiRequest) -> tuple[Stats, dict[str, QueueSettings]]:
    settings = await request.app.queues.all()
    return await request.ask(lambda backend: backend.stats()), settings


ENDPOINTS = (list_queues, get_queue, change_queue, pause_queue, resume_queue, purge_queue)
