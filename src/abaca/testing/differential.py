"""The same program on two stores: every answer, and all that is stored, must be equal.

``check_seed`` writes a program from a seed with one store as the oracle, runs it on a fresh oracle and on the store
under test, and raises ``Difference`` with the shortest program that it found to tell them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec

from abaca.backend import UNKNOWN_PARENT, Backend
from abaca.clock import ManualClock
from abaca.model import History, Job, Page, Query, Receipt, Stats
from abaca.testing.programs import Call, ProgramWriter

OpenStore = Callable[[ManualClock], AbstractAsyncContextManager[Backend]]
"""Makes an empty store that goes by the clock, open inside the block."""

MOST_SHRINKING_RUNS = 300


class Difference(AssertionError):
    """Two stores answered one program differently. The message holds the seed, the program and both answers."""


async def perform(call: Call, store: Backend, clock: ManualClock) -> object:
    """Run one call; its answer is brought into a form that any two right stores share."""
    match call.verb:
        case "advance":
            clock.advance(call.args[0])
            return None
        case "search":
            return await search(store, call.args[0])
        case "dump":
            return await dump(store, call.args[0])
        case _:
            return normal(await getattr(store, call.verb)(*call.args))


async def search(store: Backend, query: Query) -> list[Any]:
    """All pages, by id and without tombstones: order and paging are the store's own."""
    found: list[Job] = []
    cursor: str | None = None
    while True:
        page: Page = await store.find(msgspec.structs.replace(query, cursor=cursor))
        found += page.jobs
        cursor = page.cursor
        if cursor is None:
            return sorted((job for job in found if not job.purged), key=lambda job: job.id)


async def dump(store: Backend, ids: Sequence[str]) -> list[Any]:
    """Every job with its log, and the counts."""
    logs = [await store.updates(id, 0, 2000) for id in ids]
    return [normal(await store.get(ids)), normal(logs), normal(await store.stats())]


def normal(answer: Any) -> Any:
    """The answer without what the protocol leaves open.

    That is the rest of a tombstone, queues in which nothing waits, and the end of a reason whose beginning is given.
    """
    if isinstance(answer, list):
        return [normal(one) for one in answer]
    if isinstance(answer, Job) and answer.purged:
        return ("tombstone", answer.id, answer.state, answer.ended_at)
    if isinstance(answer, Receipt) and answer.reason.startswith(UNKNOWN_PARENT):
        return msgspec.structs.replace(answer, reason=UNKNOWN_PARENT)
    if isinstance(answer, History):
        return (normal(answer.job), answer.entries, answer.dropped)
    if isinstance(answer, Stats):
        queues = [queue for queue in answer.queues if queue.by_priority]
        return (
            sorted(queues, key=lambda queue: queue.name),
            answer.running,
            answer.totals,
            answer.repaired,
            answer.late,
            sorted(answer.workers, key=lambda card: card.id),
        )
    return answer


async def write_program(seed: int, length: int, open_oracle: OpenStore, *, rewinds: bool) -> list[Call]:
    clock = ManualClock()
    async with open_oracle(clock) as oracle:

        async def on_oracle(call: Call, store: Backend, clock: ManualClock) -> object:
            if call.verb in ("search", "dump", "advance"):
                return await perform(call, store, clock)
            return await getattr(store, call.verb)(*call.args)

        return await ProgramWriter(seed, oracle, clock, rewinds=rewinds).write(length, on_oracle)


async def answers(program: Sequence[Call], open_store: OpenStore) -> list[object]:
    """What a fresh store answers to each call."""
    clock = ManualClock()
    async with open_store(clock) as store:
        return [await perform(call, store, clock) for call in program]


async def first_difference(
    program: Sequence[Call], oracle: OpenStore, tested: OpenStore
) -> tuple[int, Any, Any] | None:
    """The first call that the two answer differently, with both answers."""
    expected = await answers(program, oracle)
    given = await answers(program, tested)
    pairs = enumerate(zip(expected, given, strict=True))
    return next(((place, left, right) for place, (left, right) in pairs if left != right), None)


async def shrink(program: list[Call], oracle: OpenStore, tested: OpenStore) -> list[Call]:
    """Leave out what is not needed for a difference, in ever smaller pieces."""
    runs = 0
    size = max(1, len(program) // 2)
    while runs < MOST_SHRINKING_RUNS:
        start, before = 0, len(program)
        while start < len(program) and runs < MOST_SHRINKING_RUNS:
            shorter = program[:start] + program[start + size :]
            runs += 1
            different = await first_difference(shorter, oracle, tested) if shorter else None
            if different is None:
                start += size
            else:
                program = shorter[: different[0] + 1]
        if size == 1 and len(program) == before:
            break
        size = max(1, size // 2)
    return program


async def check_seed(seed: int, length: int, oracle: OpenStore, tested: OpenStore, *, rewinds: bool = False) -> int:
    """Compare the two on one program; answers how many calls it had. Raises ``Difference``."""
    program = await write_program(seed, length, oracle, rewinds=rewinds)
    different = await first_difference(program, oracle, tested)
    if different is None:
        return len(program)
    shortest = await shrink(program[: different[0] + 1], oracle, tested)
    final = await first_difference(shortest, oracle, tested)
    place, expected, given = final or different
    steps = "\n".join(f"  {call!r}," for call in shortest)
    raise Difference(
        f"seed {seed} (rewinds={rewinds}, length {length}): call {place} of the program below is answered differently\n"
        f"program = [\n{steps}\n]\nexpected: {expected!r}\ngiven:    {given!r}"
    )
