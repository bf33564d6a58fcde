"""``abaca jobs``: reading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from abaca.app import App as AbacaApp
from abaca.cli.jobacts import cancel, delete, requeue
from abaca.cli.jobview import (
    brought,
    errors_of,
    job_id,
    print_errors,
    print_job,
    update_json,
    update_line,
    why_it_waits,
)
from abaca.cli.output import ago, note, print_json, print_table
from abaca.cli.session import Given
from abaca.client import no_such_job
from abaca.config.values import read_duration
from abaca.errors import ConfigError, JobError
from abaca.handle import JobHandle
from abaca.jobresult import why_no_value
from abaca.model import STATUS_ALIASES, Job, Page, Query, Status, Update
from abaca.policy.history import read_from, synthesise
from abaca.views import JobView, as_json, job_view, job_views

jobs = App(name="jobs", help="List jobs; show, wait for, cancel, requeue or delete them.")
jobs.command(cancel)
jobs.command(requeue)
jobs.command(delete)

_MOST_PAGES = 50
_PAGE = 200


@jobs.default
def list_jobs(
    *,
    status: Annotated[
        tuple[str, ...], Parameter(negative="", show_default=False, help="Only these; may be given several times.")
    ] = (),
    queue: Annotated[str | None, Parameter(help="Only this queue's.")] = None,
    task: Annotated[str | None, Parameter(help="Only this task's.")] = None,
    tag: Annotated[str | None, Parameter(help="Only those with this tag.")] = None,
    key: Annotated[str | None, Parameter(help="Only those with this key.")] = None,
    workflow: Annotated[str | None, Parameter(help="Only the members of this one.")] = None,
    text: Annotated[str | None, Parameter(help="Look for this in ids, task names and arguments.")] = None,
    limit: Annotated[int, Parameter(help="At most so many.")] = 50,
    cursor: Annotated[str | None, Parameter(help="Go on where an earlier list ended.")] = None,
    session: Given,
) -> None:
    """List jobs, and show, wait for, cancel, requeue or delete them."""
    if limit < 1:
        raise ConfigError(f"--limit: {limit} is not usable; give a number above zero")
    query = Query(
        status=_statuses(status),
        queue=queue,
        task=task,
        tag=tag,
        key=key,
        parent=None if workflow is None else job_id(workflow),
        text=text,
        cursor=cursor,
        limit=limit,
    )

    async def ask(app: AbacaApp) -> tuple[Page, list[JobView]]:
        page = await _find(app, query)
        return page, await job_views(app, page.jobs)

    page, views = session.run(ask)
    if session.json:
        print_json({"jobs": views, "cursor": page.cursor})
        return
    print_jobs(page.jobs)
    if page.cursor is not None:
        note(f"there may be more: --cursor {page.cursor}")


def print_jobs(found: Sequence[Job]) -> None:
    heads = ("id", "status", "task", "queue", "prio", "attempts", "age", "tags")
    print_table(heads, [_row(job) for job in found], "no jobs")


@jobs.command
def show(id: str, /, *, session: Given) -> None:
    """Show one job: arguments, result, the error of each attempt."""

    async def ask(app: AbacaApp) -> None:
        job = await brought(app.blobs, await app.job(job_id(id)).info())
        backend = await app.backend()
        errors = await errors_of(backend, job)
        waits = why_it_waits(job, await backend.stats())
        secret = (await app.secrets([job.spec.task]))[job.spec.task]
        if session.json:
            view = msgspec.structs.asdict(job_view(job, secret))
            print_json({**view, "errors": errors, "note": waits})
            return
        print_job(job, secret)
        if waits is not None:
            print(f"note: {waits}")
        print_errors(errors)

    session.run(ask)


@jobs.command
def updates(
    id: str,
    /,
    *,
    follow: Annotated[bool, Parameter(negative="", help="Stay until the job has ended.")] = False,
    after: Annotated[int, Parameter(help="Only updates above this id.")] = 0,
    session: Given,
) -> None:
    """Print a job's updates in order, one a line."""

    async def read(app: AbacaApp) -> None:
        handle = app.job(job_id(id))
        ended = (await handle.info()).state.ended
        if follow or ended:
            async for update in handle.updates(after):
                print(update_json(update) if session.json else update_line(update), flush=True)
            return
        for update in await _so_far(app, handle.id, after):
            print(update_json(update) if session.json else update_line(update))

    session.run(read)


@jobs.command
def result(id: str, /, *, session: Given) -> int:
    """Print a job's result as JSON. Does not wait; 1 when there is none."""
    return session.run(lambda app: _print_result(app, app.job(job_id(id))))


@jobs.command
def wait(
    id: str,
    /,
    *,
    timeout: Annotated[str | None, Parameter(help="As 30s or 5m; else without end.")] = None,
    session: Given,
) -> int:
    """Wait until a job has ended and print its result as JSON; 1 when it failed or was cancelled."""
    limit = None if timeout is None else read_duration(timeout, "--timeout")

    async def until_ended(app: AbacaApp) -> int:
        handle = app.job(job_id(id))
        await handle.outcome(limit)
        return await _print_result(app, handle)

    return session.run(until_ended)


async def _print_result(app: AbacaApp, handle: JobHandle[object]) -> int:
    job = await app.blobs.whole(await handle.info())
    if not job.state.ended:
        raise JobError(job.id, f"job {job.id} is {job.status} and has no result yet; `abaca jobs wait {job.id}` waits")
    if job.result is None:
        raise why_no_value(job)
    print_json(as_json(job.result))
    return 0


async def _find(app: AbacaApp, query: Query) -> Page:
    """A full page where there is one: a store may answer with short ones and a cursor."""
    backend = await app.backend()
    found: list[Job] = []
    cursor = query.cursor
    for _ in range(_MOST_PAGES):
        page = await backend.find(msgspec.structs.replace(query, cursor=cursor, limit=query.limit - len(found)))
        found += page.jobs
        cursor = page.cursor
        if cursor is None or len(found) >= query.limit:
            break
    return Page(jobs=found, cursor=cursor)


async def _so_far(app: AbacaApp, id: str, after: int) -> list[Update]:
    backend = await app.backend()
    found: list[Update] = []
    while True:
        history = await backend.updates(id, read_from(after), _PAGE)
        if history.job is None:
            raise no_such_job(id)
        part = synthesise(history, after, _PAGE)
        found += part.updates
        if not part.updates or part.ended:
            return found
        after = part.after


def _statuses(given: tuple[str, ...]) -> tuple[Status, ...]:
    words = [word.strip().lower() for text in given for word in text.split(",") if word.strip()]
    known = {status.value for status in Status}
    for word in words:
        if STATUS_ALIASES.get(word, word) not in known:
            raise ConfigError(f"--status: {word!r} is no status; use one of {', '.join(Status)}")
    return tuple(dict.fromkeys(Status(STATUS_ALIASES.get(word, word)) for word in words))


def _row(job: Job) -> tuple[object, ...]:
    spec = job.spec
    age = ago(job.created_at or None, job.seen_at)
    return job.id, job.status, spec.task, spec.queue, spec.priority, job.attempts, age, ",".join(spec.tags)
