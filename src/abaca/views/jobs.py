"""A job as people and programs see it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from abaca.model import After, ErrorInfo, Job, Status
from abaca.policy.retry import DEFAULT_RULE
from abaca.views.payloads import arguments_json, as_json
from abaca.views.times import instant

_ID = re.compile(r"[0-9a-f]{32}")


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """One job. ``attempts`` counts charged runs, ``losses`` runs that vanished without blame.

    ``args`` and ``result`` are the JSON they are, or an object that says why they cannot be shown. ``workflow`` is the
    workflow that it is a member of. ``purged`` marks the tombstone of a job of which only id, status and end are left.
    """

    id: str
    task: str
    status: Status
    queue: str
    priority: int
    pool: str
    args: Any
    tags: tuple[str, ...]
    key: str | None
    owner: str | None
    tenant: str | None
    parent: str | None
    workflow: str | None
    after: tuple[After, ...]
    open_parents: int
    unmet: int
    blocked: str | None
    start_within_ms: int | None
    expires_ms: int | None
    attempts: int
    max_attempts: int
    losses: int
    epoch: int
    revision: int
    cancel_requested: bool
    worker: str | None
    timeout_ms: int | None
    created_at: str | None
    due_at: str | None
    started_at: str | None
    claimed_at: str | None
    ended_at: str | None
    lease_until: str | None
    progress: Any
    result: Any
    error: ErrorInfo | None
    purged: bool
    damage: str | None


def job_view(job: Job, secret: Collection[str] = ()) -> JobView:
    """The view of a job; ``secret`` names the parameters of its task whose values are masked."""
    spec = job.spec
    return JobView(
        id=job.id,
        task=spec.task,
        status=job.status,
        queue=spec.queue,
        priority=spec.priority,
        pool=spec.lane,
        args=None if job.purged else arguments_json(spec.args, secret),
        tags=spec.tags,
        key=spec.key,
        owner=spec.owner,
        tenant=spec.tenant,
        parent=spec.parent,
        workflow=workflow_of(job),
        after=spec.after,
        open_parents=job.open_parents,
        unmet=job.unmet,
        blocked=job.blocked,
        start_within_ms=spec.start_within_ms,
        expires_ms=spec.expires_ms,
        attempts=job.attempts,
        max_attempts=(spec.retry or DEFAULT_RULE).max_attempts,
        losses=job.losses,
        epoch=job.epoch,
        revision=job.revision,
        cancel_requested=job.cancel,
        worker=job.worker,
        timeout_ms=spec.timeout_ms,
        created_at=instant(job.created_at or None),
        due_at=instant(job.due_at or None),
        started_at=instant(job.started_at),
        claimed_at=instant(job.claimed_at),
        ended_at=instant(job.ended_at),
        lease_until=instant(job.lease_until),
        progress=as_json(job.progress),
        result=as_json(job.result),
        error=job.error,
        purged=job.purged,
        damage=job.damage,
    )


class KnowsSecrets(Protocol):
    """Whoever can tell which arguments of tasks are not to be shown: an app, a request."""

    async def secrets(self, tasks: Iterable[str]) -> Mapping[str, Collection[str]]: ...


async def job_views(host: KnowsSecrets, jobs: Sequence[Job]) -> list[JobView]:
    """The views of jobs of any tasks, masked as their tasks say."""
    secrets = await host.secrets({job.spec.task for job in jobs})
    return [job_view(job, secrets[job.spec.task]) for job in jobs]


def workflow_of(job: Job) -> str | None:
    """The workflow that it is a member of: those carry its id as their mark."""
    parent = job.spec.parent
    return parent if parent is not None and _ID.fullmatch(parent) else None
