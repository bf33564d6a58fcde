"""The members of a stored workflow: found by walking the edges up from its final job, and moved together."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from functools import partial

from abaca.backend import Backend
from abaca.bulk import cancel_many, requeue_many
from abaca.client import Client
from abaca.model import Cancelled, Job, Requeued, State
from abaca.policy.builtin import JOIN
from abaca.policy.join import falls_short, was_unmet
from abaca.policy.pages import Pages


@dataclass(frozen=True, slots=True)
class Found:
    """What is needed of a member to move it."""

    id: str
    state: State
    epoch: int
    at_fault: bool
    parents: tuple[str, ...]
    ending: bool = False
    """Somebody has claimed it and is about to end it because of its parents."""
    unmet: bool = False
    """It was ended because of its parents."""


async def walk(client: Client, id: str) -> AsyncIterator[list[Job]]:
    """The final job, then its members in pages, children before the parents that only they have led to.

    Jobs from outside that members wait for are left out. Raises ``JobNotFound``.
    """
    final = await client.read(id)
    yield [final]
    seen = {id, *final.spec.parents}
    ahead = deque(final.spec.parents)
    pages = Pages()
    while ahead:
        wanted = [ahead.popleft() for _ in range(min(len(ahead), pages.most))]
        jobs = await client.ask(partial(_get, wanted))
        pages.read(jobs)
        members = [job for job in jobs if job is not None and (job.purged or job.spec.parent == id)]
        for member in members:
            fresh = [parent for parent in member.spec.parents if parent not in seen]
            seen.update(fresh)
            ahead.extend(fresh)
        if members:
            yield members


async def all_members(client: Client, id: str) -> list[Found]:
    """All of them, parents first; the final job is the last."""
    found: dict[str, Found] = {}
    async for jobs in walk(client, id):
        for job in jobs:
            at_fault = job.state.ended and job.spec.task != JOIN and falls_short(job)
            ending = job.state is State.RUNNING and job.unmet > 0
            found[job.id] = Found(job.id, job.state, job.epoch, at_fault, job.spec.parents, ending, was_unmet(job))
    return _parents_first(found)


def _parents_first(found: dict[str, Found]) -> list[Found]:
    children: dict[str, list[Found]] = {}
    missing: dict[str, int] = {}
    for member in found.values():
        inside = [parent for parent in member.parents if parent in found]
        missing[member.id] = len(inside)
        for parent in inside:
            children.setdefault(parent, []).append(member)
    ready = deque(member for member in found.values() if not missing[member.id])
    ordered: list[Found] = []
    while ready:
        ordered.append(member := ready.popleft())
        for child in children.get(member.id, ()):
            missing[child.id] -= 1
            if not missing[child.id]:
                ready.append(child)
    return ordered


def to_requeue(members: Sequence[Found]) -> list[Found]:
    """What failed or was cancelled, and every member behind it that has ended; ``members`` are parents first."""
    again: dict[str, Found] = {}
    for member in members:
        if member.state.ended and (member.at_fault or any(parent in again for parent in member.parents)):
            again[member.id] = member
    return list(again.values())


def judged_late(members: Sequence[Found], open_before: Collection[str], requeued: Collection[str]) -> list[Found]:
    """Members that had not ended before, and were then cancelled because of parents that are requeued: whoever had
    claimed them did not hear of it."""
    return [
        member
        for member in members
        if member.unmet and member.id in open_before and any(parent in requeued for parent in member.parents)
    ]


async def cancel_all(client: Client, members: Sequence[Found]) -> int:
    """Cancel those that have not ended, children first, so that none of them runs because of it. Answers how many."""
    live = [member.id for member in reversed(members) if not member.state.ended]
    return sum(answer in (Cancelled.ENDED, Cancelled.FLAGGED) for answer in await cancel_many(client.ask, live))


async def requeue_all(client: Client, members: Sequence[Found]) -> list[Requeued]:
    """In this order, which is parents first."""
    return await requeue_many(client.ask, [(member.id, member.epoch) for member in members])


async def _get(ids: list[str], backend: Backend) -> list[Job | None]:
    return await backend.get(ids)
