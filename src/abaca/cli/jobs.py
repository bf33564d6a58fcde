"""``abaca jobs``: reading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from abaca.app import App as AbacaApp
from abaca.cli.filters import NO_FILTER, Filter
from abaca.cli.jobacts import cancel, delete, requeue
from abaca.cli.jobfollow import follow
from abaca.cli.joblog import logs, updates
from abaca.cli.jobview import brought, errors_of, job_id, print_errors, print_job, print_result
from abaca.cli.near import hint
from abaca.cli.output import note, print_json, print_table, say
from abaca.cli.purging import purge_jobs, retention
from abaca.cli.session import Given
from abaca.config.values import read_duration
from abaca.errors import ConfigError, JobError
from abaca.model import Job
from abaca.views import JobView, job_view, job_views
from abaca.views.finding import first_jobs
from abaca.views.why import why
from abaca.views.words import ago

jobs = App(name="jobs", help="List jobs; show, explain, follow, cancel, requeue or delete them.")

Limit = Annotated[int, Parameter(help="At most so many.")]
Cursor = Annotated[str | None, Parameter(help="Go on where an earlier list ended.")]


@jobs.command(name="list")
@jobs.default
def list_jobs(*, filter: Filter = NO_FILTER, limit: Limit = 50, cursor: Cursor = None, session: Given) -> None:
    """List jobs."""
    if limit < 1:
        raise ConfigError(f"--limit: {limit} is not usable; give a number above zero")
    filter.query(0)  # a wrong flag is told before the store is asked

    async def find(app: AbacaApp) -> tuple[list[Job], list[JobView], str | None]:
        now = (await app.stats()).seen_at if filter.since or filter.before else 0
        query = msgspec.structs.replace(filter.query(now), cursor=cursor)
        found, rest = await first_jobs(app.client(), query, limit)
        if not found:
            await hint(app, filter.queue, filter.task)
        return found, await job_views(app, found), rest

    found, views, rest = session.run(find)
    if session.json:
        print_json({"jobs": views, "cursor": rest})
        return
    print_jobs(found)
    if rest is not None:
        note(f"there may be more: --cursor {rest}")


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
        reason = None if job.state.ended else await why(app, job.id)
        secret = (await app.secrets([job.spec.task]))[job.spec.task]
        if session.json:
            print_json({**msgspec.structs.asdict(job_view(job, secret)), "errors": errors, "why": reason})
            return
        print_job(job, secret)
        if reason is not None:
            say(f"why: {reason.sentence}")
        print_errors(errors)

    session.run(ask)


@jobs.command(name="why")
def explain(id: str, /, *, session: Given) -> None:
    """Say in one sentence why a job waits: on whom, until when. Of one that runs or has ended it says that."""
    answer = session.run(lambda app: why(app, job_id(id)))
    if session.json:
        print_json(answer)
        return
    say(answer.sentence)
    if answer.remedy is not None:
        note(f"try: {answer.remedy}")


@jobs.command
def result(id: str, /, *, session: Given) -> int:
    """Print a job's result as JSON. Does not wait; 1 when there is none."""

    async def ask(app: AbacaApp) -> int:
        job = await app.blobs.whole(await app.job(job_id(id)).info())
        if not job.state.ended:
            message = f"job {job.id} is {job.status} and has no result yet; `abaca jobs wait {job.id}` waits"
            raise JobError(job.id, message)
        return print_result(job)

    return session.run(ask)


@jobs.command
def wait(
    id: str,
    /,
    *,
    timeout: Annotated[str | None, Parameter(help="As 30s or 5m; else without end.")] = None,
    session: Given,
) -> int:
    """Wait until a job has ended and print its result as JSON.

    Exit status: 0 it completed, 1 it failed, 3 it was cancelled, 4 --timeout was over first and the job goes on.
    """
    limit = None if timeout is None else read_duration(timeout, "--timeout")

    async def until_ended(app: AbacaApp) -> int:
        return print_result(await app.client().ended(job_id(id), limit, needs_value=False))

    return session.run(until_ended)


def _row(job: Job) -> tuple[object, ...]:
    spec = job.spec
    age = ago(job.created_at or None, job.seen_at)
    return job.id, job.status, spec.task, spec.queue, spec.priority, job.attempts, age, ",".join(spec.tags)


for _command in (updates, logs, follow, cancel, requeue, delete, retention):
    jobs.command(_command)
jobs.command(purge_jobs, name="purge")
