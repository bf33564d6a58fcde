"""The same job again, as a command or as code to be copied."""

from __future__ import annotations

import json
import pprint
import shlex
from typing import Any

import msgspec

from abaca.model import DEFAULT_PRIORITY, DEFAULT_QUEUE
from abaca.views import JobView


def arguments(view: JobView) -> dict[str, Any]:
    """Plain values. What is secret is already masked, and stays so."""
    plain = json.loads(msgspec.json.encode(view.args))
    return plain if isinstance(plain, dict) else {}


def as_curl(view: JobView, base: str) -> str:
    """``base`` is the address of the API as the browser reached it."""
    body: dict[str, Any] = {"task": view.task, "args": arguments(view)}
    if view.queue != DEFAULT_QUEUE:
        body["queue"] = view.queue
    if view.priority != DEFAULT_PRIORITY:
        body["priority"] = view.priority
    if view.tags:
        body["tags"] = list(view.tags)
    lines = [
        f"curl -X POST {shlex.quote(f'{base}/jobs')}",
        '-H "Authorization: Bearer $ABACA_KEY"',
        "-H 'Content-Type: application/json'",
        f"-d {shlex.quote(json.dumps(body, ensure_ascii=False))}",
    ]
    return " \\\n  ".join(lines)


def as_python(view: JobView) -> str:
    options = []
    if view.queue != DEFAULT_QUEUE:
        options.append(f"queue={view.queue!r}")
    if view.priority != DEFAULT_PRIORITY:
        options.append(f"priority={view.priority}")
    if view.tags:
        options.append(f"tags={list(view.tags)!r}")
    values = pprint.pformat(arguments(view), sort_dicts=False, width=100)
    given = ", ".join([repr(view.task), values, *options])
    return f"job = await app.enqueue_by_name({given})\nresult = await job.result()"
