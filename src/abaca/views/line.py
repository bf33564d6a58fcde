"""Where a job stands in its line, as far as one may look."""

from __future__ import annotations

from abaca.client import Client
from abaca.model import Card, Job, Query, Stats, Status
from abaca.views.finding import first_jobs
from abaca.views.reason import Cause, Reason
from abaca.views.takers import able, label
from abaca.views.words import ago, counted, span

MOST_LOOKED_AT = 1000


async def place_in_line(client: Client, job: Job, stats: Stats) -> Reason:
    """How many due jobs of its queue come before it, and how fast its workers have been.

    Tenants and aging may change the order: it is an estimate, and of a long queue a lower bound.
    """
    ahead, whole = await _ahead(client, job)
    workers = able(job, stats)
    rate = rate_of(workers)
    queue = next((queue for queue in stats.queues if queue.name == job.spec.queue), None)
    waited = span(max(0, job.seen_at - job.due_at) / 1e6)
    if not ahead and whole:
        text = f"it is next in the queue {job.spec.queue!r}, due for {waited}, and waits for a free slot"
    else:
        about = f"{'about' if whole else 'at least'} {counted(ahead, 'job')}"
        text = f"it stands behind {about} in the queue {job.spec.queue!r}"
        if queue is not None and queue.oldest_due_at is not None:
            text += f", of which the oldest has been due for {ago(queue.oldest_due_at, stats.seen_at)}"
        if rate:
            text += f"; its {counted(len(workers), 'worker')} ended {_number(rate)} jobs a second so far"
            text += f", so it starts in {'about' if whole else 'no less than'} {span(ahead / rate)}"
    names = tuple(sorted(label(card) for card in workers))
    return Reason(
        cause=Cause.IN_LINE,
        text=text,
        since=job.due_at,
        workers=names,
        ahead=ahead,
        ahead_is_least=not whole,
        rate=rate,
    )


def rate_of(workers: list[Card]) -> float | None:
    """Ended jobs a second of these workers since they started; ``None`` where nothing has ended yet."""
    rates = [card.processed / ((card.seen_at - card.started_at) / 1e6) for card in workers if _measurable(card)]
    return round(sum(rates), 3) if rates and sum(rates) else None


def _number(rate: float) -> str:
    return f"{rate:,.1f}" if rate >= 1 else f"{rate:.2g}"


def _measurable(card: Card) -> bool:
    return card.processed > 0 and card.seen_at > card.started_at


async def _ahead(client: Client, job: Job) -> tuple[int, bool]:
    """How many of those that were looked at come before it, and whether those were all."""
    query = Query(queue=job.spec.queue, status=(Status.QUEUED,))
    found, cursor = await first_jobs(client, query, MOST_LOOKED_AT)
    place = _place(job)
    return sum(_place(other) < place for other in found), cursor is None


def _place(job: Job) -> tuple[int, bool, int, str]:
    within = job.spec.start_within_ms if not job.epoch else None
    return -job.spec.priority, within is None, job.due_at + (within or 0) * 1000, job.id
