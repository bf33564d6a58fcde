"""What ``abaca doctor`` looks at, gathered through the storage seam."""

from __future__ import annotations

import platform
import time
from collections import Counter
from enum import StrEnum

import msgspec

from abaca import __version__
from abaca.app import App
from abaca.backend import Backend
from abaca.config import hide_passwords
from abaca.model import Card, Fault, Query, QueueStats, Stats, Status
from abaca.views.words import span

STALE_SECONDS = 15.0
"""A worker beats every 5 s by default: one that missed three beats is told."""
_CLOCK_SECONDS = 1.0
_SAMPLE = 500
"""How many of the due jobs of a queue are asked for their task."""


class Level(StrEnum):
    WEAKNESS = "weakness"
    """A setting of the store takes something from a guarantee."""
    WARNING = "warning"
    """Jobs may wait for ever, or a worker seems to be gone."""
    FAULT = "fault"
    """The store disagrees with its own records."""
    REPAIRED = "repaired"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    level: Level
    about: str
    text: str


class Checkup(msgspec.Struct, frozen=True, kw_only=True):
    """One examination. ``clock_ms`` is how far the store's clock is ahead of this machine's."""

    url: str
    versions: dict[str, str]
    durability: str
    answer_ms: float
    clock_ms: float
    workers: int
    waiting: int
    running: int
    repaired_total: int
    findings: list[Finding]

    @property
    def healthy(self) -> bool:
        return not any(finding.level is Level.FAULT for finding in self.findings)


async def examine(app: App, *, repair: bool) -> Checkup:
    """Raises ``BackendError`` for a store that cannot be judged."""
    backend = await app.backend()
    await backend.stats()  # the first call may connect, or load what the store runs
    sent, asked_at = time.monotonic(), time.time()
    stats = await backend.stats()
    took = time.monotonic() - sent
    ahead = stats.seen_at / 1e6 - (asked_at + took / 2)
    findings = [Finding(level=Level.WEAKNESS, about="setting", text=text) for text in backend.weaknesses]
    findings += _clock(ahead, took)
    if (reason := await app.blobs.why_unusable()) is not None:
        text = f"the place for large results cannot be used: {reason}; runs with large results fail until it can"
        findings.append(Finding(level=Level.WARNING, about="place", text=text))
    findings += [finding for card in stats.workers for finding in _worker(card, stats)]
    for queue in stats.queues:
        findings += await _queue(backend, queue, stats)
    findings += [_fault(fault) for fault in await backend.audit(repair)]
    return Checkup(
        url=hide_passwords(app.url),
        versions={"abaca": __version__, "python": platform.python_version()},
        durability=backend.durability,
        answer_ms=round(took * 1000, 2),
        clock_ms=round(ahead * 1000, 1),
        workers=len(stats.workers),
        waiting=sum(queue.due + queue.later for queue in stats.queues),
        running=stats.running,
        repaired_total=(await backend.stats()).repaired,
        findings=findings,
    )


def _clock(ahead: float, took: float) -> list[Finding]:
    if abs(ahead) - took / 2 < _CLOCK_SECONDS:
        return []
    way = "ahead of" if ahead > 0 else "behind"
    text = (
        f"the store's clock is {span(abs(ahead))} {way} this machine's; leases and delays go by the store's, but a "
        "run_at is taken from the caller's: set the clocks by NTP"
    )
    return [Finding(level=Level.WARNING, about="clock", text=text)]


def _worker(card: Card, stats: Stats) -> list[Finding]:
    silent = (stats.seen_at - card.seen_at) / 1e6
    if silent < STALE_SECONDS:
        return []
    text = (
        f"{card.name or card.id} on {card.host or 'an unknown host'} (pid {card.pid}) has not beaten for "
        f"{span(silent)}; its {len(card.running)} jobs go to others when their leases end"
    )
    return [Finding(level=Level.WARNING, about="worker", text=text)]


async def _queue(backend: Backend, queue: QueueStats, stats: Stats) -> list[Finding]:
    serving = [card for card in stats.workers if queue.name in card.queues and not card.draining]
    if not serving:
        count = queue.due + queue.later
        text = f"nobody serves the queue {queue.name!r}, in which {count} jobs wait; start a worker with --queues"
        return [Finding(level=Level.WARNING, about="queue", text=text)]
    if not queue.due:
        return []
    page = await backend.find(Query(status=(Status.QUEUED,), queue=queue.name, limit=_SAMPLE))
    known = Counter((job.spec.task, job.spec.lane) for job in page.jobs)
    reasons = [_nobody(task, lane, count, queue.name, serving) for (task, lane), count in sorted(known.items())]
    return [Finding(level=Level.WARNING, about="task", text=reason) for reason in reasons if reason is not None]


def _nobody(task: str, lane: str, count: int, queue: str, serving: list[Card]) -> str | None:
    """Why no worker of the queue can run these jobs, ``None`` where one can."""
    knowing = [card for card in serving if task in card.tasks]
    jobs = f"{count} of the due jobs in queue {queue!r} are for task {task!r}"
    if not knowing:
        return f"{jobs}, which no live worker of that queue knows; start one with that code"
    if not any(card.slots.get(lane, 0) for card in knowing if card.slots) and all(card.slots for card in knowing):
        return f"{jobs} and need a slot of kind {lane!r}, which no live worker of that queue has"
    return None


def _fault(fault: Fault) -> Finding:
    level = Level.REPAIRED if fault.repaired else Level.FAULT
    return Finding(level=level, about=fault.kind, text=f"{fault.id}: {fault.detail}")
