"""``abaca enqueue``"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, cast

from cyclopts import Parameter

from abaca.app import App
from abaca.checks import Priority
from abaca.cli.arguments import read_arguments
from abaca.cli.filters import read_time
from abaca.cli.jobfollow import follow_job
from abaca.cli.jobview import job_id, print_result
from abaca.cli.output import note, print_json
from abaca.cli.session import Given
from abaca.cli.status import EXIT_OK
from abaca.client import duplicate
from abaca.config.values import read_duration
from abaca.errors import ConfigError, UnknownTask
from abaca.model import Inserted, Job, Receipt
from abaca.options import CallOptions, Ending, OnDuplicate, Pool, Unique, call_options
from abaca.patience import refusal
from abaca.text import did_you_mean

MAX_DIGITS = 18
FOREVER = "forever"
"""What ``--wait`` says without a time."""


def enqueue(
    task: Annotated[str, Parameter(help="The task's name.")],
    args: Annotated[str, Parameter(help='Its arguments by name, as \'{"n": 3}\'; "-" reads standard input.')] = "{}",
    /,
    *,
    queue: Annotated[str | None, Parameter(help="Else what the task's workers have announced.")] = None,
    pool: Annotated[Pool | None, Parameter(help="Needed for a task that no worker has announced yet.")] = None,
    priority: Annotated[str | None, Parameter(help="0 to 100, or low, normal, high.")] = None,
    delay: Annotated[str | None, Parameter(help="Due after this time, as 30s or 5m.")] = None,
    at: Annotated[str | None, Parameter(help="Due at this time, as 2026-11-28T20:00:00+01:00.")] = None,
    start_within: Annotated[str | None, Parameter(help="Before others of its priority, to start in this time.")] = None,
    expires: Annotated[str | None, Parameter(help="Not run if it has not begun after this time.")] = None,
    timeout: Annotated[str | None, Parameter(help="Stop one run after this time.")] = None,
    enqueue_timeout: Annotated[
        str | None, Parameter(help="Wait this long for room in a full queue that asks for it; else 60s.")
    ] = None,
    key: Annotated[str | None, Parameter(help="While a live job has it, answer that job.")] = None,
    unique: Annotated[
        str | None, Parameter(help="Key of task and arguments: until_finished, while_waiting, or a time.")
    ] = None,
    on_duplicate: Annotated[OnDuplicate | None, Parameter(help="What happens when the key is held.")] = None,
    tag: Annotated[
        tuple[str, ...], Parameter(negative="", show_default=False, help="May be given several times.")
    ] = (),
    tenant: Annotated[str | None, Parameter(help="Tenants take turns in a queue.")] = None,
    owner: Annotated[str | None, Parameter(help="Whose job it is.")] = None,
    after: Annotated[
        tuple[str, ...], Parameter(negative="", show_default=False, help="Ids of jobs that must end before.")
    ] = (),
    when: Annotated[Ending | None, Parameter(help="How those must end.")] = None,
    wait: Annotated[
        str | None, Parameter(help="Wait for the end, at most this long where given, and print the result.")
    ] = None,
    follow: Annotated[bool, Parameter(negative="", help="Show updates until the end, then print the result.")] = False,
    session: Given,
) -> int:
    """Enqueue one job by its task's name and print its id.

    ARGS is a JSON object of the arguments by name; "-" reads it from standard input. The task's code need not be here,
    so the worker checks the arguments. With --wait or --follow the exit status is 0 when the job completed, 1 when it
    failed, 3 when it was cancelled, 4 when the time to wait was over first.
    """
    if wait is not None and follow:
        raise ConfigError("abaca enqueue: --wait and --follow both stay until the end; give one of them")
    arguments = read_arguments(args)
    limit = None if wait in (None, FOREVER) else read_duration(wait, "--wait")

    def options(app: App) -> CallOptions:
        return call_options(
            queue=queue,
            priority=_priority(priority),
            delay=_seconds(delay, "--delay"),
            run_at=None if at is None else read_time(at, "--at"),
            start_within=_seconds(start_within, "--start-within"),
            expires=_seconds(expires, "--expires"),
            timeout=_seconds(timeout, "--timeout"),
            enqueue_timeout=_seconds(enqueue_timeout, "--enqueue-timeout"),
            key=key,
            unique=None if unique is None else cast("Unique", unique),
            on_duplicate=on_duplicate,
            tags=tag or None,
            tenant=tenant,
            owner=owner,
            after=[app.job(job_id(id)) for id in after] or None,
            when=when,
        )

    async def store(app: App) -> int:
        receipt = await _insert(app, task, arguments, options, pool, rejects=on_duplicate == "reject")
        if wait is None and not follow:
            _say(receipt, as_json=session.json)
            return EXIT_OK
        note(f"job {receipt.id}")
        if follow:
            status = await follow_job(app, receipt.id, as_json=session.json, out=sys.stderr)
            return await _result(app, receipt.id) if status == EXIT_OK else status
        return print_result(await app.client().ended(receipt.id, limit, needs_value=False))

    return session.run(store, create=True)


async def _insert(
    app: App,
    task: str,
    arguments: dict[str, object],
    options: Callable[[App], CallOptions],
    pool: Pool | None,
    *,
    rejects: bool,
) -> Receipt:
    try:
        given = options(app)
        job = await app.named_job(task, arguments, given, pool=pool)
    except UnknownTask as error:
        raise UnknownTask(
            f"no worker has announced a task {task!r}{did_you_mean(error.near) or ';'} nothing was enqueued. Start a "
            "worker that has it (`abaca tasks` lists what is known), or say where it runs with --pool and --queue",
            error.near,
        ) from error
    receipt = await app.client().insert(job)
    if receipt.again:
        receipt = await app.client().insist(job, receipt, given.patience)
    if receipt.outcome is Inserted.REFUSED:
        raise refusal(job, receipt)
    if receipt.outcome is Inserted.HELD and rejects:
        raise duplicate(job, receipt)
    return receipt


def _say(receipt: Receipt, *, as_json: bool) -> None:
    """The id; where another job stands for this one, that as well."""
    if as_json:
        print_json({"id": receipt.id, "outcome": receipt.outcome.name.lower()})
        return
    print(receipt.id)
    if receipt.outcome is Inserted.HELD:
        note("another job has the key: this is its id, and nothing was stored")
    if receipt.outcome is Inserted.REPLACED:
        note("a waiting job had the key: it took over the new arguments and options")


async def _result(app: App, id: str) -> int:
    job: Job = await app.blobs.whole(await app.job(id).info())
    return print_result(job)


def _seconds(text: str | None, what: str) -> float | None:
    return None if text is None else read_duration(text, what)


def _priority(text: str | None) -> Priority | None:
    """Digits as a number; the check of the enqueue names whatever else is wrong."""
    if text is None:
        return None
    return int(text) if text.isdecimal() and len(text) < MAX_DIGITS else cast("Priority", text)
