"""Producers that wait for room in a full queue, and what they are told when there is none."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

from abaca.errors import EnqueueRefused, QueueFull
from abaca.model import FULL, NewJob, Receipt

PATIENCE = 60.0
"""Seconds for which an enqueue waits for room, where ``opts(enqueue_timeout=)`` says nothing else."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0
"""Seconds before the next try; each is cut by chance to at least half."""

Insert = Callable[[list[NewJob]], Awaitable[list[Receipt]]]


async def insist(
    insert: Insert, jobs: Sequence[NewJob], receipts: Sequence[Receipt], patience: Callable[[NewJob], float]
) -> list[Receipt]:
    """Insert those again that are to come again, until they are taken or their ``patience`` in seconds is over.

    Answers the latest receipt of each, in order. The pauses grow while none is taken.
    """
    loop = asyncio.get_running_loop()
    start, pause, latest = loop.time(), FIRST_PAUSE, list(receipts)
    ends = {place: start + patience(jobs[place]) for place, receipt in enumerate(receipts) if receipt.again}
    while ends := {place: at for place, at in ends.items() if latest[place].again and at > loop.time()}:
        await asyncio.sleep(min(random.uniform(pause / 2, pause), max(ends.values()) - loop.time()))
        for place, receipt in zip(ends, await insert([jobs[place] for place in ends]), strict=True):
            latest[place] = receipt
        taken = any(not latest[place].again for place in ends)
        pause = FIRST_PAUSE if taken else min(2 * pause, LONGEST_PAUSE)
    return latest


def refusal(job: NewJob, receipt: Receipt) -> EnqueueRefused:
    what = f"task {job.task!r}, queue {job.queue!r}: the job was refused because {receipt.reason}"
    if not receipt.reason.startswith(FULL):
        return EnqueueRefused(f"{what}; nothing was stored")
    return QueueFull(f"{what}{_estimate(receipt)}; nothing was stored. {_ADVICE}", seconds_of(receipt))


def refusals(receipts: Sequence[Receipt], refused: Sequence[Receipt]) -> EnqueueRefused:
    """Of those of many that were refused."""
    first = refused[0]
    what = f"{len(refused)} of {len(receipts)} jobs were refused, the first ({first.id}) because: {first.reason}"
    if not all(receipt.reason.startswith(FULL) for receipt in refused):
        return EnqueueRefused(f"{what}; the others are stored")
    return QueueFull(f"{what}{_estimate(first)}; the others are stored. {_ADVICE}", seconds_of(first))


_ADVICE = (
    "Enqueue again later, start more workers for the queue, or raise its limits (abaca queues limit-length, limit-wait)"
)


def seconds_of(receipt: Receipt) -> float | None:
    """How long a new job would wait in the full queue, by the store's estimate."""
    return None if receipt.wait_ms is None else receipt.wait_ms / 1000


def _estimate(receipt: Receipt) -> str:
    wait = seconds_of(receipt)
    told = "" if wait is None or "would wait" in receipt.reason else f"; a new one would wait for about {wait:g} s"
    return f"{told}, and there was no room in time" if receipt.again else told
