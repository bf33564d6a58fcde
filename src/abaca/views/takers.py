"""Which live workers would take a job, and why none would."""

from __future__ import annotations

from abaca.model import Card, Job, Stats
from abaca.views.reason import Cause, Reason
from abaca.views.words import listed, span

SILENT_AFTER_MICROS = 15_000_000
"""Three beats of five seconds, the default; whoever beats more slowly looks silent in between."""


def silent(card: Card, now: int) -> bool:
    return now - card.seen_at > SILENT_AFTER_MICROS


def label(card: Card) -> str:
    return card.name or card.id


def where(card: Card) -> str:
    place = f"{card.host}, pid {card.pid}" if card.host else f"pid {card.pid}"
    return f"{label(card)} ({place})"


def nobody_takes(job: Job, stats: Stats) -> Reason | None:
    """Why no live worker takes the job when it is due; ``None`` where one does."""
    spec = job.spec
    living = [card for card in stats.workers if not card.draining and not silent(card, stats.seen_at)]
    if not living:
        return Reason(
            cause=Cause.NO_WORKER, text=_no_worker(stats), remedy=f"abaca worker module:app --queues {spec.queue}"
        )
    serving = [card for card in living if spec.queue in card.queues]
    if not serving:
        who = (
            f"none of the {len(living)} live workers serves"
            if len(living) > 1
            else "the only live worker does not serve"
        )
        text = f"{who} the queue {spec.queue!r}"
        remedy = f"abaca worker module:app --queues {spec.queue}"
        return Reason(cause=Cause.QUEUE_UNSERVED, text=text, remedy=remedy)
    knowing = [card for card in serving if spec.task in card.tasks]
    if not knowing:
        text = f"no live worker of the queue {spec.queue!r} knows the task {spec.task!r}"
        elsewhere = [card for card in living if spec.task in card.tasks]
        if elsewhere:
            text += f", and {listed([label(card) for card in elsewhere])}, which knows it, serves other queues"
        return Reason(cause=Cause.TASK_UNKNOWN, text=text, workers=_labels(serving))
    if all(card.slots and not card.slots.get(spec.lane) for card in knowing):
        text = f"it needs a slot of kind {spec.lane!r}, and no live worker that knows its task has one"
        return Reason(cause=Cause.SLOT_MISSING, text=text, workers=_labels(knowing))
    return None


def able(job: Job, stats: Stats) -> list[Card]:
    """The live workers that would take it."""
    return [
        card
        for card in stats.workers
        if not card.draining
        and not silent(card, stats.seen_at)
        and job.spec.queue in card.queues
        and job.spec.task in card.tasks
        and (not card.slots or card.slots.get(job.spec.lane))
    ]


def _no_worker(stats: Stats) -> str:
    draining = [card for card in stats.workers if card.draining]
    if draining:
        return f"no worker takes jobs on this store: {listed([label(card) for card in draining])} is about to stop"
    if stats.workers:
        last = max(stats.workers, key=lambda card: card.seen_at)
        return f"no worker is alive on this store: {label(last)} has not beaten for {_since(last, stats.seen_at)}"
    return "no worker is alive on this store"


def _since(card: Card, now: int) -> str:
    return span((now - card.seen_at) / 1e6)


def _labels(cards: list[Card]) -> tuple[str, ...]:
    return tuple(sorted(label(card) for card in cards))
