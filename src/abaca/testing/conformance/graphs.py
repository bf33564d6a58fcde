"""Random graphs of jobs, against a small model that recounts every edge after every step."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

import pytest

from abaca.backend import Backend
from abaca.model import After, Job, Lease, NewJob, Settle, State, When
from abaca.testing.conformance.making import claim, complete, fail, insert, job_id, make, move, settle, want
from abaca.testing.invariants import miscounted

SIZE = 60
STEPS = 150


def random_graph(rng: random.Random) -> list[NewJob]:
    """Jobs of which each names up to four earlier ones, close by or far away."""
    jobs: list[NewJob] = []
    for number in range(1, SIZE + 1):
        near = range(max(1, number - 8), number)
        parents = {
            rng.choice(near if rng.random() < 0.8 else range(1, number)) for _ in range(rng.randint(0, 4)) if near
        }
        edges = [After(ids=(job_id(parent),), when=rng.choice(list(When))) for parent in sorted(parents)]
        jobs.append(make(number, after=tuple(edges)))
    return jobs


@dataclass
class Model:
    """The states of all jobs, and which of the waiting ones have gone on: what becomes of a parent is past for them."""

    jobs: dict[str, NewJob]
    states: dict[str, State] = field(default_factory=dict)
    gone_on: set[str] = field(default_factory=set)

    def counts(self, id: str) -> tuple[int, int]:
        edges = [(self.states[parent], edge.when) for edge in self.jobs[id].after for parent in edge.ids]
        opened = sum(not state.ended for state, _ in edges)
        return opened, sum(state.ended and not when.met_by(state) for state, when in edges)

    def become(self, id: str, state: State) -> None:
        self.states[id] = state
        self.gone_on.discard(id)
        for job, now in self.states.items():
            if now is State.WAITING and self.counts(job) == (0, 0):
                self.gone_on.add(job)

    def claimable(self) -> dict[str, int]:
        """The jobs that wait for nobody, with their unmet parents."""
        waiting = [id for id, state in self.states.items() if state is State.WAITING]
        counts = {id: (0, 0) if id in self.gone_on else self.counts(id) for id in waiting}
        return {id: unmet for id, (opened, unmet) in counts.items() if not opened}


class TestGraphs:
    @pytest.mark.parametrize("seed", range(8))
    async def test_what_can_be_claimed_follows_from_the_edges(self, store: Backend, seed: int) -> None:
        # Given a random graph, stored in one call
        rng = random.Random(seed)
        jobs = random_graph(rng)
        model = Model({job.id: job for job in jobs})
        await insert(store, *jobs)
        for new in jobs:
            model.become(new.id, State.WAITING)
        running: dict[str, Job] = {}
        for _ in range(STEPS):
            # When jobs are claimed, end, go back, are cancelled and requeued
            expected = model.claimable()
            claimed = await claim(store, slots=SIZE)
            # Then those are claimed that wait for nobody, and each knows how many parents ended otherwise than asked
            assert {job.id: job.unmet for job in claimed} == expected
            for job in claimed:
                running[job.id] = job
                model.become(job.id, State.RUNNING)
            await _something(rng, store, model, running)
            assert miscounted([job for job in await store.get(list(model.jobs)) if job is not None]) == []

    async def test_workers_side_by_side_run_a_graph_in_order(self, live_store: Backend) -> None:
        # Given a random graph
        jobs = random_graph(random.Random(5))
        await insert(live_store, *jobs)
        # When several workers run it, of whom each settles what it has and claims in one call
        await asyncio.gather(*(_work(live_store, number) for number in range(6)))
        # Then each job ended at its first run, after its parents, and counts what became of them
        ended = {job.id: job for job in await live_store.get([job.id for job in jobs]) if job is not None}
        assert [job.epoch for job in ended.values()] == [1] * SIZE
        for job in ended.values():
            parents = [(ended[id], edge.when) for edge in job.spec.after for id in edge.ids]
            assert all((parent.ended_at or 0) <= (job.started_at or 0) for parent, _ in parents)
            assert (job.open_parents, job.unmet) == (0, sum(not when.met_by(one.state) for one, when in parents))


async def _work(store: Backend, worker: int) -> None:
    """Claim and settle until nothing comes any more for a while; every third job fails."""
    done: list[Settle] = []
    lease = Lease(worker=f"w{worker}", ms=60_000)
    while True:
        answer = await store.exchange(done, want(slots=3, hold_ms=2000), lease)
        if not answer.jobs:
            return
        done = [fail(job) if int(job.id, 16) // 256 % 3 == 0 else complete(job) for job in answer.jobs]


async def _something(rng: random.Random, store: Backend, model: Model, running: dict[str, Job]) -> None:
    """One to three runs are settled, or a job is cancelled or requeued."""
    if running and rng.random() < 0.7:
        for id in rng.sample(sorted(running), min(len(running), rng.randint(1, 3))):
            to = rng.choice((State.COMPLETED, State.COMPLETED, State.FAILED, State.CANCELLED, State.WAITING))
            await settle(store, move(running.pop(id), to, keep_ms=3_600_000))
            model.become(id, to)
        return
    id = rng.choice(sorted(model.states))
    if model.states[id] is State.WAITING:
        await store.cancel([id])
        model.become(id, State.CANCELLED)
    elif model.states[id].ended:
        (job,) = await store.get([id])
        assert job is not None
        await store.requeue([(id, job.epoch)])
        model.become(id, State.WAITING)
