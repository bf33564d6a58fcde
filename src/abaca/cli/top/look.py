"""One look at a store: what a frame shows."""

from __future__ import annotations

import msgspec

from abaca.app import App
from abaca.model import Job, Query, QueueSettings, Stats, Status
from abaca.views import QueueView, WorkerView, instant, queue_view, worker_view
from abaca.views.finding import first_jobs
from abaca.views.takers import silent

MOST_RUNNING = 200
_LONG_WAIT_MICROS = 60_000_000


class Running(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    task: str
    queue: str
    attempt: int
    for_ms: int
    worker: str
    stopping: bool


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """``rates`` are ended jobs a second by how they ended since the look before; empty in the first one.

    ``wrong`` says what somebody on call should look at, one line each, the worst first.
    """

    seen_at: str
    waiting: int
    running: int
    totals: dict[str, int]
    rates: dict[str, float]
    queues: list[QueueView]
    workers: list[WorkerView]
    silent: list[str]
    jobs: list[Running]
    wrong: list[str]


class Looker:
    """Looks again and again, and keeps the last counts to tell rates."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._last: tuple[int, dict[str, int]] | None = None

    async def look(self) -> Look:
        """Raises ``BackendUnavailable``."""
        stats = await self._app.stats()
        settings = await self._app.queues.all()
        jobs, _ = await first_jobs(self._app.client(), Query(status=(Status.RUNNING,)), MOST_RUNNING)
        names = {card.id: card.name or card.id for card in stats.workers}
        return Look(
            seen_at=instant(stats.seen_at),
            waiting=sum(queue.due + queue.later + queue.blocked for queue in stats.queues),
            running=stats.running,
            totals=stats.totals,
            rates=self._rates(stats),
            queues=[
                queue_view(queue, settings.get(queue.name, QueueSettings()), stats)
                for queue in sorted(stats.queues, key=lambda queue: (-queue.due, queue.name))
            ],
            workers=[worker_view(card) for card in sorted(stats.workers, key=lambda card: (card.name, card.id))],
            silent=[card.id for card in stats.workers if silent(card, stats.seen_at)],
            jobs=[_running(job, names) for job in sorted(jobs, key=lambda job: job.claimed_at or 0)],
            wrong=_wrong(stats, settings),
        )

    def _rates(self, stats: Stats) -> dict[str, float]:
        last, self._last = self._last, (stats.seen_at, stats.totals)
        if last is None or stats.seen_at <= last[0]:
            return {}
        seconds = (stats.seen_at - last[0]) / 1e6
        return {end: round((count - last[1].get(end, 0)) / seconds, 1) for end, count in stats.totals.items()}


def _running(job: Job, names: dict[str, str]) -> Running:
    return Running(
        id=job.id,
        task=job.spec.task,
        queue=job.spec.queue,
        attempt=job.attempt,
        for_ms=(job.seen_at - (job.claimed_at or job.seen_at)) // 1000,
        worker=names.get(job.worker or "", job.worker or ""),
        stopping=job.cancel,
    )


def _wrong(stats: Stats, settings: dict[str, QueueSettings]) -> list[str]:
    found = []
    living = [card for card in stats.workers if not silent(card, stats.seen_at)]
    served = {queue for card in living if not card.draining for queue in card.queues}
    if stats.queues and not living:
        found.append("no worker is alive")
    found += [f"worker {card.name or card.id} is silent" for card in stats.workers if silent(card, stats.seen_at)]
    for queue in stats.queues:
        if living and queue.name not in served:
            found.append(f"nobody serves {queue.name}")
        if settings.get(queue.name, QueueSettings()).paused:
            found.append(f"{queue.name} is paused")
        elif queue.oldest_due_at is not None and stats.seen_at - queue.oldest_due_at > _LONG_WAIT_MICROS:
            found.append(f"{queue.name} has jobs due for {(stats.seen_at - queue.oldest_due_at) // 60_000_000} min")
    return found
