"""Equal failures are one failure: the same task, the same type of error, the same message but for its numbers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from abaca.model import ErrorInfo, Job

_VARYING = re.compile(r"0x[0-9a-fA-F]+|[0-9a-fA-F]{8,}|\d+(?:[.:,]\d+)*")
"""Addresses, ids, numbers, times: what differs between two tellings of one failure."""
_MESSAGE = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """``key`` finds them again in a list; the message is that of the latest."""

    key: str
    task: str
    type: str
    message: str
    jobs: tuple[Job, ...]
    first_at: int
    last_at: int


def pattern(message: str) -> str:
    """The first line of a message, with what varies left out."""
    return _VARYING.sub("#", message.partition("\n")[0])[:_MESSAGE]


def group_of(job: Job) -> str:
    """The group's name in URLs; empty for a job without an error."""
    error = job.error
    if error is None:
        return ""
    text = "\0".join((job.spec.task, error.type, pattern(error.message)))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:12]


def grouped(jobs: Iterable[Job]) -> list[Failures]:
    """The largest first."""
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        groups.setdefault(group_of(job), []).append(job)
    return sorted((_failures(key, group) for key, group in groups.items()), key=_rank)


def _failures(key: str, jobs: list[Job]) -> Failures:
    latest = max(jobs, key=lambda job: job.ended_at or 0)
    error = latest.error or ErrorInfo(type="no error is stored")
    ends = [job.ended_at or 0 for job in jobs]
    return Failures(
        key=key,
        task=latest.spec.task,
        type=error.type.removeprefix("builtins."),
        message=error.message.partition("\n")[0],
        jobs=tuple(jobs),
        first_at=min(ends),
        last_at=max(ends),
    )


def _rank(failures: Failures) -> tuple[int, int]:
    return -len(failures.jobs), -failures.last_at
