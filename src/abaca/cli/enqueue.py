"""``abaca enqueue``"""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any, cast

import msgspec
from cyclopts import Parameter

from abaca.app import App
from abaca.checks import Priority
from abaca.cli.output import note, print_json
from abaca.cli.session import Given
from abaca.config.values import read_duration
from abaca.errors import ConfigError, UnknownTask
from abaca.handle import JobHandle
from abaca.jobresult import why_no_value
from abaca.options import Pool
from abaca.views import as_json

MAX_DIGITS = 18


def enqueue(
    task: Annotated[str, Parameter(help="The task's name.")],
    args: Annotated[str, Parameter(help='Its arguments by name, as \'{"n": 3}\'; "-" reads standard input.')] = "{}",
    /,
    *,
    queue: Annotated[str | None, Parameter(help="Else what the task's workers have announced.")] = None,
    pool: Annotated[Pool | None, Parameter(help="Needed for a task that no worker has announced yet.")] = None,
    priority: Annotated[str | None, Parameter(help="0 to 100, or low, normal, high.")] = None,
    delay: Annotated[str | None, Parameter(help="Due after this time, as 30s or 5m.")] = None,
    timeout: Annotated[str | None, Parameter(help="Stop one run after this time.")] = None,
    key: Annotated[str | None, Parameter(help="While a live job has it, answer that job.")] = None,
    tag: Annotated[
        tuple[str, ...], Parameter(negative="", show_default=False, help="May be given several times.")
    ] = (),
    wait: Annotated[str | None, Parameter(help="Wait this long for the end and print the result.")] = None,
    session: Given,
) -> int:
    """Enqueue one job by its task's name and print its id.

    ARGS is a JSON object of the arguments by name; "-" reads it from standard input. The task's code need not be here,
    so the worker checks the arguments.
    """
    arguments = read_arguments(args)
    limit = None if wait is None else read_duration(wait, "--wait")

    async def store(app: App) -> int:
        handle = await enqueued(app)
        if limit is None:
            print_json({"id": handle.id}) if session.json else print(handle.id)
            return 0
        note(f"job {handle.id}")
        await handle.outcome(limit)
        job = await app.blobs.whole(await handle.info())
        if job.result is None:
            raise why_no_value(job)
        print_json(as_json(job.result))
        return 0

    async def enqueued(app: App) -> JobHandle[Any]:
        try:
            return await by_name(app)
        except UnknownTask as error:
            raise UnknownTask(
                f"no worker has announced the task {task!r}, and nothing was enqueued; start a worker that has it "
                "(`abaca workers` lists them), or say where it runs with --pool and --queue"
            ) from error

    async def by_name(app: App) -> JobHandle[Any]:
        return await app.enqueue_by_name(
            task,
            arguments,
            queue=queue,
            pool=pool,
            priority=_priority(priority),
            delay=None if delay is None else read_duration(delay, "--delay"),
            timeout=None if timeout is None else read_duration(timeout, "--timeout"),
            key=key,
            tags=tag or None,
        )

    return session.run(store, create=True)


def read_arguments(text: str) -> dict[str, Any]:
    try:
        source = (sys.stdin.read() if text == "-" else text).encode()
        arguments = msgspec.json.decode(source, type=dict[str, Any])
        json.loads(source, object_pairs_hook=_once)
    except (ValueError, RecursionError, msgspec.DecodeError) as error:
        raise ConfigError(
            f"ARGS: {error}; give a JSON object of the arguments by name, such as '{{\"n\": 3}}'"
        ) from error
    return arguments


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are all different. Raises ``ValueError``: JSON readers would drop one in silence."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for number, (key, _) in enumerate(pairs) if key in dict(pairs[:number]))
        raise ValueError(f"the key {twice!r} is there twice")
    return found


def _priority(text: str | None) -> Priority | None:
    """Digits as a number; the check of the enqueue names whatever else is wrong."""
    if text is None:
        return None
    return int(text) if text.isdecimal() and len(text) < MAX_DIGITS else cast("Priority", text)
