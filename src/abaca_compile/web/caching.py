"""``/compile/cache`` and ``/workers/stats``: what was answered, and by whom."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import msgspec

from abaca.http import ApiRequest, Scope, endpoint
from abaca_compile.service.fleet import Fleet
from abaca_compile.service.tally import Totals
from abaca_compile.service.works import QUEUE
from abaca_compile.web.asking import compiler_of


class CacheStats(msgspec.Struct, frozen=True, kw_only=True):
    """``entries`` contents are known. The others count since the start of each worker that was seen within a day:
    ``hits`` were answered by what was there, ``shared`` by the run of an equal job at the same time, ``misses`` were
    compiled and ``bypassed`` too, because they asked for it. ``hit_ratio`` is of those that asked the cache."""

    entries: int
    hits: int
    shared: int
    misses: int
    bypassed: int
    hit_ratio: float | None
    keep_seconds: float


class Cleared(msgspec.Struct, frozen=True, kw_only=True):
    """``cleared`` contents are compiled again when they are asked for."""

    cleared: int


class WorkersStats(msgspec.Struct, frozen=True, kw_only=True):
    """All live workers together; totals with those that ended within a day. ``uptime`` is of the oldest live one."""

    max_workers: int
    active_workers: int
    available_slots: int
    queued_jobs: int
    total_processed: int
    total_successful: int
    total_failed: int
    total_timeout: int
    total_errors: int
    uptime: str
    uptime_seconds: float
    start_time: str | None


@endpoint("GET", "/compile/cache/stats", scope=Scope.READ)
async def cache_stats(request: ApiRequest) -> CacheStats:
    """Read how much the cache answered."""
    compiler = compiler_of(request)
    totals = _totals(await compiler.fleet())
    answered = totals.hits + totals.shared
    asked = answered + totals.misses
    return CacheStats(
        entries=await compiler.shelf.size(),
        hits=totals.hits,
        shared=totals.shared,
        misses=totals.misses,
        bypassed=totals.bypassed,
        hit_ratio=answered / asked if asked else None,
        keep_seconds=request.app.settings.value("compile.cache_keep"),
    )


@endpoint("DELETE", "/compile/cache", scope=Scope.ADMIN)
async def clear_cache(request: ApiRequest) -> Cleared:
    """Forget every answer. Compilations that are stored stay as they are."""
    return Cleared(cleared=await compiler_of(request).shelf.clear())


@endpoint("GET", "/workers/stats", scope=Scope.READ)
async def workers_stats(request: ApiRequest) -> WorkersStats:
    """Read what the workers of the compile service do and have done."""
    fleet = await compiler_of(request).fleet()
    stats = await request.app.stats()
    waiting = sum(queue.due + queue.later + queue.blocked for queue in stats.queues if queue.name == QUEUE)
    totals = _totals(fleet)
    slots = sum(worker.slots for worker in fleet.live)
    active = min(slots, sum(worker.active for worker in fleet.live))
    started = min((worker.started_at for worker in fleet.live), default=None)
    uptime = 0.0 if started is None else max(0.0, time.time() - started)
    return WorkersStats(
        max_workers=slots,
        active_workers=active,
        available_slots=slots - active,
        queued_jobs=waiting,
        total_processed=totals.completed + totals.failed + totals.timeout + totals.error,
        total_successful=totals.completed,
        total_failed=totals.failed,
        total_timeout=totals.timeout,
        total_errors=totals.error,
        uptime=_length(uptime),
        uptime_seconds=round(uptime, 3),
        start_time=None if started is None else datetime.fromtimestamp(started, UTC).isoformat(),
    )


def _totals(fleet: Fleet) -> Totals:
    totals = Totals()
    for worker in fleet.workers:
        totals = totals.plus(worker.totals)
    return totals


def _length(seconds: float) -> str:
    """``2h13m05s``, as the source system writes it."""
    hours, rest = divmod(int(seconds), 3600)
    minutes, left = divmod(rest, 60)
    return f"{f'{hours}h' if hours else ''}{f'{minutes}m' if hours or minutes else ''}{left}s"


ENDPOINTS = (cache_stats, clear_cache, workers_stats)
