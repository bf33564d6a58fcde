"""``/retention`` and ``POST /jobs/purge``: how long ended jobs stay, and deleting them before."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from abaca.http.caller import Scope
from abaca.http.endpoint import endpoint
from abaca.http.errors import invalid
from abaca.http.filters import statuses
from abaca.http.paging import opened, sealed
from abaca.http.requests import ApiRequest
from abaca.http.submitting import AboveZero, Millis, owner_of
from abaca.model import Keep, Kept, Query, Retention, Status
from abaca.purging import ENDED, purge
from abaca.subscriptions import change_retention, changed_retention, stored_retention
from abaca.views import instant

MOST = 10_000
_EXAMPLE = {"default": {"failed_ms": 2_592_000_000}, "tasks": {"resize": {"completed_ms": 60_000}, "old": None}}


class KeptSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a job stays after its end; an end that is not named is left to what comes next in line."""

    completed_ms: AboveZero | None = None
    cancelled_ms: AboveZero | None = None
    failed_ms: AboveZero | None = None

    def kept(self) -> Kept:
        return Kept(completed_ms=self.completed_ms, cancelled_ms=self.cancelled_ms, failed_ms=self.failed_ms)


class ChangeRetention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is given is changed, the rest stays. ``default`` is for all tasks; of ``tasks``, one with ``null`` is taken
    out."""

    default: KeptSpec | None = None
    tasks: dict[str, KeptSpec | None] = {}


class RetentionView(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored. ``code`` is what holds where neither a call, nor a task, nor an app, nor this says anything."""

    default: KeptSpec
    tasks: dict[str, KeptSpec]
    code: KeptSpec


class OneTask(msgspec.Struct, frozen=True, kw_only=True):
    """``task``: only its retention."""

    task: str | None = None


class Purge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Jobs of these ends, of this ``queue``, ``task`` and ``owner``, that ended longer ago than ``older_than_ms``.

    ``dry_run`` counts and changes nothing. At most ``limit`` are deleted; ``cursor`` goes on where an answer stopped.
    """

    status: str | tuple[str, ...]
    older_than_ms: Millis
    queue: str | None = None
    task: str | None = None
    owner: str | None = None
    dry_run: bool = False
    limit: Annotated[int, Meta(ge=1, le=MOST)] = MOST
    cursor: str | None = None


class PurgedJob(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    task: str
    queue: str
    status: Status
    ended_at: str | None


class PurgeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``matched`` are old enough; ``deleted`` of them are gone, none in a dry run. ``held``: left, because a workflow
    that has not ended may want them. ``sample``: the first of those that matched. ``complete: false`` says that there
    may be more: ask again with ``next_cursor``."""

    matched: int
    deleted: int
    held: int
    dry_run: bool
    complete: bool
    by_status: dict[str, int]
    sample: list[PurgedJob]
    next_cursor: str | None


@endpoint("GET", "/retention", scope=Scope.READ)
async def get_retention(request: ApiRequest) -> RetentionView:
    """Read how long ended jobs stay, as operators have set it.

    The more particular word goes first: a call's own ``keep_ms``, what is stored for its task, what the task's code
    says, what is stored for all, what the app says.
    """
    return _view(await stored_retention(request.app.client()))


@endpoint("PUT", "/retention", scope=Scope.ADMIN, examples={"body": _EXAMPLE})
async def put_retention(request: ApiRequest, body: ChangeRetention) -> RetentionView:
    """Set how long jobs stay that end from now on. Workers know it within a beat (5 seconds).

    It holds for ends that a worker writes. A job that is cancelled while it waits is kept as it was enqueued.
    """
    default = None if body.default is None else body.default.kept()
    tasks = {name: None if spec is None else spec.kept() for name, spec in body.tasks.items()}
    client = request.app.client()
    return _view(await change_retention(client, lambda stored: changed_retention(stored, default, tasks)))


@endpoint("DELETE", "/retention", scope=Scope.ADMIN, status=204)
async def delete_retention(request: ApiRequest, query: OneTask) -> None:
    """Forget what is stored, of one task or all; jobs stay as their code says again."""
    task = query.task

    def cleared(stored: Retention) -> Retention:
        return Retention() if task is None else changed_retention(stored, None, {task: None})

    await change_retention(request.app.client(), cleared)


@endpoint(
    "POST",
    "/jobs/purge",
    scope=Scope.WRITE,
    examples={"body": {"status": ["failed"], "older_than_ms": 604_800_000, "dry_run": True}},
)
async def purge_jobs(request: ApiRequest, body: Purge) -> PurgeAnswer:
    """Delete ended jobs by their age, before their own time is over. Nothing is left of them."""
    ends = statuses((body.status,) if isinstance(body.status, str) else body.status)
    if not ends or any(end not in ENDED for end in ends):
        raise invalid(f"give at least one end of a job: {', '.join(ENDED)}", "status")
    query = Query(
        status=ends,
        queue=body.queue,
        task=body.task,
        owner=body.owner if request.caller.is_admin else owner_of(request, body.owner) or "",
        cursor=opened(body.cursor),
    )
    stats = await request.ask(lambda backend: backend.stats())
    before = stats.seen_at - body.older_than_ms * 1000
    done = await purge(request.app.client(), query, before, body.limit, dry_run=body.dry_run)
    return PurgeAnswer(
        matched=done.matched,
        deleted=done.deleted,
        held=done.held,
        dry_run=body.dry_run,
        complete=done.cursor is None,
        by_status={status.value: count for status, count in done.by_status.items()},
        sample=[
            PurgedJob(
                id=job.id,
                task=job.spec.task,
                queue=job.spec.queue,
                status=job.status,
                ended_at=instant(job.ended_at),
            )
            for job in done.sample
        ],
        next_cursor=sealed(done.cursor),
    )


def _view(stored: Retention) -> RetentionView:
    usual = Keep()
    return RetentionView(
        default=_spec(stored.default),
        tasks={name: _spec(kept) for name, kept in sorted(stored.tasks.items())},
        code=KeptSpec(completed_ms=usual.completed_ms, cancelled_ms=usual.cancelled_ms, failed_ms=usual.failed_ms),
    )


def _spec(kept: Kept) -> KeptSpec:
    return KeptSpec(completed_ms=kept.completed_ms, cancelled_ms=kept.cancelled_ms, failed_ms=kept.failed_ms)


ENDPOINTS = (get_retention, put_retention, delete_retention, purge_jobs)
