"""Is anything wrong? The few things that need a person, each with the link to what shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from abaca.http.dashboard.series import TaskEnds
from abaca.http.dashboard.times import span
from abaca.model import Card, Job, QueueSettings, QueueStats, Stats
from abaca.policy.builtin import BUILT_IN

LONG_WAIT_SECONDS = 60.0
"""A due job that nobody has taken for so long is worth a word."""
SILENT_SECONDS = 15.0
"""Three beats of a worker, by default."""
FAILING_SHARE = 0.05
FAILING_LEAST = 3
"""So many runs of a task must have failed, and this share of them, in the last quarter of an hour."""
_MOST_WORDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """``subject`` is a link to ``path`` with ``params``; ``says`` follows it, ``says_before`` leads to it."""

    subject: str
    says: str
    path: str
    params: Mapping[str, str | Sequence[str]]
    says_before: str = ""


def find_troubles(
    stats: Stats,
    settings: Mapping[str, QueueSettings],
    tasks: Mapping[str, TaskEnds],
    sample: Iterable[Job] = (),
) -> list[Trouble]:
    """The worst of each kind first. ``sample`` is of jobs that are due, to see whether anybody knows their tasks."""
    return [
        *_workers(stats, settings),
        *_unknown_tasks(stats.workers, sample),
        *_waits(stats, settings),
        *_failing(tasks),
        *_paused(stats, settings),
        *_silent(stats),
    ]


def oldest_wait(stats: Stats) -> tuple[QueueStats, float] | None:
    """The queue whose first due job has waited longest, and the seconds."""
    waiting = [queue for queue in stats.queues if queue.oldest_due_at is not None]
    if not waiting:
        return None
    queue = min(waiting, key=lambda each: each.oldest_due_at or 0)
    return queue, max(0.0, (stats.seen_at - (queue.oldest_due_at or 0)) / 1e6)


def is_silent(card: Card, now: int) -> bool:
    return now - card.seen_at > SILENT_SECONDS * 1e6


def _is_open(name: str, settings: Mapping[str, QueueSettings]) -> bool:
    return not settings.get(name, QueueSettings()).paused


def _unserved(stats: Stats, settings: Mapping[str, QueueSettings]) -> list[QueueStats]:
    """Open queues with due jobs that no live worker serves, the fullest first."""
    served = {name for card in stats.workers if not card.draining for name in card.queues}
    alone = [
        queue for queue in stats.queues if queue.due and _is_open(queue.name, settings) and queue.name not in served
    ]
    return sorted(alone, key=lambda queue: -queue.due)


def _workers(stats: Stats, settings: Mapping[str, QueueSettings]) -> list[Trouble]:
    alone = _unserved(stats, settings)
    if alone and not stats.workers:
        oldest = min(queue.oldest_due_at or stats.seen_at for queue in alone)
        says = f"is alive, {_due(sum(queue.due for queue in alone), oldest, stats.seen_at)}"
        return [Trouble(subject="no worker", says=says, path="/workers", params={})]
    return [
        Trouble(
            says_before="no worker serves",
            subject=queue.name,
            says=f"({_due(queue.due, queue.oldest_due_at, stats.seen_at)})",
            **_queued(queue.name),
        )
        for queue in alone[:_MOST_WORDS]
    ]


def _due(number: int, oldest: int | None, now: int) -> str:
    since = "" if oldest is None else f", the first for {span(max(0.0, (now - oldest) / 1e6))}"
    return f"{number:,} due{since}"


def _unknown_tasks(workers: Sequence[Card], sample: Iterable[Job]) -> list[Trouble]:
    if not workers:
        return []
    known = {name for card in workers for name in card.tasks} | set(BUILT_IN)
    unknown = Counter(job.spec.task for job in sample if job.spec.task not in known)
    return [
        Trouble(
            says_before="no worker knows",
            subject=task,
            says="",
            path="/jobs",
            params={"task": task, "status": ["queued", "retrying"]},
        )
        for task, _ in unknown.most_common(_MOST_WORDS)
    ]


def _waits(stats: Stats, settings: Mapping[str, QueueSettings]) -> list[Trouble]:
    alone = {queue.name for queue in _unserved(stats, settings)}
    late = [
        ((stats.seen_at - queue.oldest_due_at) / 1e6, queue.name)
        for queue in stats.queues
        if queue.oldest_due_at is not None and _is_open(queue.name, settings) and queue.name not in alone
    ]
    late = sorted((each for each in late if each[0] >= LONG_WAIT_SECONDS), reverse=True)
    return [Trouble(subject=name, says=f"has waited {span(seconds)}", **_queued(name)) for seconds, name in late[:3]]


def _failing(tasks: Mapping[str, TaskEnds]) -> list[Trouble]:
    bad = [
        (ends.share, name, ends)
        for name, ends in tasks.items()
        if ends.failed >= FAILING_LEAST and ends.share >= FAILING_SHARE
    ]
    return [
        Trouble(
            subject=name,
            says=f"fails {share:.0%} ({ends.failed:,} of {ends.ended:,} runs in 15 min)".replace("%", " %", 1),
            path="/jobs",
            params={"task": name, "status": ["failed", "retrying"]},
        )
        for share, name, ends in sorted(bad, key=lambda each: (-each[0], each[1]))[:_MOST_WORDS]
    ]


def _paused(stats: Stats, settings: Mapping[str, QueueSettings]) -> list[Trouble]:
    held = [queue for queue in stats.queues if queue.due and not _is_open(queue.name, settings)]
    return [
        Trouble(subject=queue.name, says=f"is paused, {queue.due:,} due", path=f"/queues/{queue.name}", params={})
        for queue in held[:_MOST_WORDS]
    ]


def _silent(stats: Stats) -> list[Trouble]:
    return [
        Trouble(
            says_before="worker",
            subject=card.name or card.id[:8],
            says=f"is silent since {span((stats.seen_at - card.seen_at) / 1e6)}",
            path="/workers",
            params={},
        )
        for card in stats.workers
        if is_silent(card, stats.seen_at)
    ][:_MOST_WORDS]


def _queued(queue: str) -> dict[str, Any]:
    return {"path": "/jobs", "params": {"queue": queue, "status": "queued"}}
