"""One sentence on why a job does not run yet."""

from __future__ import annotations

from abaca.http.dashboard.desk import Desk
from abaca.http.dashboard.queues import settings_of_queues
from abaca.http.dashboard.times import span
from abaca.model import Job, QueueSettings, State, Stats


async def why_it_waits(desk: Desk, job: Job) -> str | None:
    """``None`` for a job that does not wait."""
    if job.state is not State.WAITING:
        return None
    stats: Stats = await desk.ask(lambda backend: backend.stats())
    settings = (await settings_of_queues(desk)).get(job.spec.queue, QueueSettings())
    return _reason(job, stats, settings)


def _reason(job: Job, stats: Stats, settings: QueueSettings) -> str:
    spec = job.spec
    knows = [card for card in stats.workers if spec.task in card.tasks]
    if job.open_parents:
        return f"It waits for {job.open_parents:,} of its {len(spec.parents):,} parents."
    if job.blocked is not None:
        return f"The limit {job.blocked!r} is exhausted; it goes on when a permit comes back."
    if job.due_at > job.seen_at:
        return f"It is due in {span((job.due_at - job.seen_at) / 1e6)}."
    if settings.paused:
        return f"The queue {spec.queue!r} is paused."
    if not stats.workers:
        return "No worker is alive on this store."
    if not knows:
        return f"No live worker knows the task {spec.task!r}."
    if not any(spec.queue in card.queues for card in knows):
        return f"No live worker that knows the task serves the queue {spec.queue!r}."
    return f"It is due and waits for a free slot; {len(knows):,} workers could take it."
