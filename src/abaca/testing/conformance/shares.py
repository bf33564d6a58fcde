"""The order of claims against a model that knows nothing but the jobs and the history of claims."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from fractions import Fraction

import pytest
from msgspec import structs

from abaca.backend import Backend
from abaca.clock import ManualClock
from abaca.model import AGED_SLOT, QUEUE, TURN, NewJob, QueueSettings
from abaca.testing.conformance.making import claim, insert, make
from abaca.testing.conformance.queuecontrol import set_record

WEIGHTS = {"a": 3, "b": 1, "c": 2, "d": 7}


@dataclass
class Waiter:
    """A job that was never claimed, and since when it is due."""

    job: NewJob
    due_at: int

    @property
    def tenant(self) -> str:
        return self.job.tenant or ""

    @property
    def deadline(self) -> int | None:
        within_ms = self.job.start_within_ms
        return None if within_ms is None else self.due_at + within_ms * 1000


@dataclass
class Model:
    """One queue: who waits, and per priority the time and the passes, as ``abaca.backend`` says it."""

    settings: QueueSettings
    waiters: list[Waiter] = field(default_factory=list)
    times: dict[int, int] = field(default_factory=dict)
    passes: dict[tuple[int, str], int] = field(default_factory=dict)
    claims: int = 0

    def claim(self, now: int, free: dict[str, int]) -> list[str]:
        free = dict(free)
        claimed: list[str] = []
        while True:
            due = [waiter for waiter in self.waiters if waiter.due_at <= now and free.get(waiter.job.lane, 0) > 0]
            if not due:
                return claimed
            waiter = self._next(due)
            self.waiters.remove(waiter)
            free[waiter.job.lane] -= 1
            claimed.append(waiter.job.id)

    def _next(self, due: list[Waiter]) -> Waiter:
        if self.settings.aging:
            self.claims += 1
            if self.claims % AGED_SLOT == 0:
                return min(due, key=lambda waiter: (waiter.due_at, waiter.job.id))
        priority = max(waiter.job.priority for waiter in due)
        due = [waiter for waiter in due if waiter.job.priority == priority]
        dated = [(waiter.deadline, waiter.job.id, waiter) for waiter in due if waiter.deadline is not None]
        if dated:
            return min(dated)[2]
        first = min(due, key=lambda waiter: (self._comes_at(priority, waiter.tenant), waiter.due_at, waiter.job.id))
        self._take_turn(priority, first.tenant)
        return first

    def _comes_at(self, priority: int, tenant: str) -> int:
        return max(self.times.get(priority, 0), self.passes.get((priority, tenant), 0))

    def _take_turn(self, priority: int, tenant: str) -> None:
        ordinary = [waiter for waiter in self.waiters if waiter.job.priority == priority and waiter.deadline is None]
        if len({waiter.tenant for waiter in ordinary}) < 2:
            self.times.pop(priority, None)
            self.passes = {known: at for known, at in self.passes.items() if known[0] != priority}
            return
        self.times[priority] = self._comes_at(priority, tenant)
        self.passes[priority, tenant] = self.times[priority] + TURN // self.settings.weights.get(tenant, 1)


def random_job(rng: random.Random, number: int) -> NewJob:
    job = make(number, priority=rng.choice((10, 50, 50, 50)), lane=rng.choice("xy"))
    if rng.random() < 0.15:
        return structs.replace(job, start_within_ms=rng.choice((1, 500, 5000)))
    delay_ms = rng.choice((0, 0, 0, 700, 3000))
    return structs.replace(job, tenant=rng.choice((None, "", "a", "a", "a", "b", "c", "d")), delay_ms=delay_ms)


class TestOrderAgainstAModel:
    @pytest.mark.parametrize("aging", [False, True])
    @pytest.mark.parametrize("seed", range(6))
    async def test_every_claim_is_as_the_model_says(
        self, store: Backend, clock: ManualClock, seed: int, aging: bool
    ) -> None:
        # Given a queue with weights, and a model of it
        rng = random.Random(seed)
        model = Model(QueueSettings(weights=WEIGHTS, aging=aging))
        await set_record(store, QUEUE, "default", model.settings)
        number = 0
        for _ in range(80):
            # When jobs come, time passes, and some are claimed
            jobs = [random_job(rng, number + place) for place in range(1, rng.choice((1, 3, 12)))]
            number += len(jobs)
            await insert(store, *jobs)
            model.waiters += [Waiter(job, clock.now() + job.delay_ms * 1000) for job in jobs]
            clock.advance(rng.choice((0, 0, 0.001, 0.4, 1)))
            free = {"x": rng.randint(0, 5), "y": rng.randint(0, 5)}
            claimed = await claim(store, slots=free)
            # Then those are claimed that the model names, in that order
            assert [job.id for job in claimed] == model.claim(clock.now(), free)


class TestShares:
    @pytest.mark.parametrize("seed", range(4))
    async def test_no_tenant_is_ever_more_than_one_turn_behind(self, store: Backend, seed: int) -> None:
        # Given tenants of random weights, each with more jobs than are claimed
        rng = random.Random(seed)
        weights = {f"t{n}": rng.choice((1, 1, 2, 3, 10)) for n in range(rng.randint(2, 7))}
        await set_record(store, QUEUE, "default", QueueSettings(weights=weights))
        total = 12 * sum(weights.values())
        for place, (tenant, weight) in enumerate(weights.items()):
            count = 12 * weight + 5
            await insert(store, *(make(1000 * place + n, tenant=tenant) for n in range(1, count + 1)))
        # When they are claimed, a few at a time
        history: list[str] = []
        while len(history) < total:
            history += [job.spec.tenant or "" for job in await claim(store, slots=rng.randint(1, 5))]
        # Then after every claim each tenant has had its weight's share of the rounds so far, give or take one turn
        had = dict.fromkeys(weights, 0)
        for tenant in history:
            had[tenant] += 1
            rounds = [Fraction(had[name], weight) for name, weight in weights.items()]
            assert max(rounds) - min(rounds) <= 1 + Fraction(1, 1000), had
