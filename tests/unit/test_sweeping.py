"""What a sweep takes away, and what it never may: random histories, and the cases one by one."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abaca.backends.memory import MemoryBackend
from abaca.clock import ManualClock
from abaca.codec import NotHere, Reference, is_reference, new_id, read_reference
from abaca.model import Change, Job, Keep, Lease, NewJob, Settle, State, Transition, Verdict, Want
from abaca.places import Blob, Blobs
from abaca.places.blobs import ARGUMENTS
from abaca.places.space import made_space, space_of
from abaca.worker import sweeper as sweeper_module
from abaca.worker.sweeper import SPARED, Sweeper, is_garbage
from tests.wobbly import WobblyPlace

LEASE_MS = 60_000
KEEP = Keep(completed_ms=2_000_000, failed_ms=2_000_000, cancelled_ms=2_000_000)


class Story:
    """One store and one place under one clock, a few jobs, and everything that can happen to them in any order."""

    def __init__(self, seed: int) -> None:
        self.clock = ManualClock()
        self.store = MemoryBackend(clock=self.clock)
        self.place = WobblyPlace(self.clock)
        self.blobs = self.place.blobs(above=1)
        self.random = random.Random(seed)
        self.calls: list[NewJob] = []
        self.runs: list[Job] = []
        self.sent: list[tuple[Job, bytes, bytes]] = []
        self.under_way: list[NewJob] = []
        self.truth: dict[str, bytes] = {}
        """What each reference that was ever handed out stands for."""

    async def send(self, id: str, epoch: int) -> bytes:
        data = f'"{len(self.truth)}"'.encode()
        reference = await self.blobs.send(self.store, id, epoch, data)
        self.truth[reference.decode()] = data
        return reference

    async def make_call(self) -> None:
        self.calls.append(NewJob(id=new_id(), task="t", lane="async", keep=KEEP))

    async def put_arguments(self) -> None:
        """The first half of an enqueue, perhaps of a call that was enqueued before."""
        if self.calls:
            job = self.random.choice(self.calls)
            args = await self.send(job.id, ARGUMENTS)
            self.under_way.append(msgspec.structs.replace(job, args=args))

    async def insert(self) -> None:
        if self.under_way:
            await self.store.insert([self.under_way.pop(self.random.randrange(len(self.under_way)))])

    async def lose_insert(self) -> None:
        if self.under_way:
            self.under_way.pop()

    async def claim(self) -> None:
        want = Want(queues=("default",), slots={"async": 2})
        self.runs += (await self.store.exchange([], want, Lease(worker="w", ms=LEASE_MS))).jobs

    async def reclaim(self) -> None:
        self.runs += await self.store.reclaim(2, Lease(worker="v", ms=LEASE_MS))

    async def put_result(self) -> None:
        if self.runs:
            run = self.random.choice(self.runs)
            self.sent.append((run, reference := await self.send(run.id, run.epoch), self.truth[reference.decode()]))

    async def settle(self) -> None:
        """The second half: it may be a stale run, and the same may be settled twice."""
        if self.sent:
            run, reference, _ = self.random.choice(self.sent)
            await self.end(run, Transition(target=State.COMPLETED, attempts=1, result=reference, keep_ms=2_000_000))

    async def fail(self) -> None:
        if self.runs:
            run = self.random.choice(self.runs)
            target = self.random.choice((State.FAILED, State.CANCELLED, State.WAITING))
            await self.end(run, Transition(target=target, attempts=1, keep_ms=2_000_000))

    async def end(self, run: Job, to: Transition) -> None:
        await self.store.exchange([Settle(id=run.id, epoch=run.epoch, to=to)], None, Lease(worker="w", ms=LEASE_MS))

    async def requeue(self) -> None:
        for job in await self.known():
            if job.state.ended and self.random.random() < 0.5:
                await self.store.requeue([(job.id, job.epoch)])

    async def forget(self) -> None:
        for job in await self.known():
            if self.random.random() < 0.3:
                await self.store.amend([Change(id=job.id, drop_result=True)])

    async def delete(self) -> None:
        for job in await self.known():
            if self.random.random() < 0.2:
                await self.store.amend([Change(id=job.id, delete=True)])

    async def purge(self) -> None:
        await self.store.purge(100)

    async def wait(self) -> None:
        """A while; what is under way does not stay so for an hour, as no client does."""
        self.clock.advance(self.random.choice((1, 100, 2000)))
        young = self.clock.now() - 3_000_000_000
        self.under_way = [job for job in self.under_way if self._put_at(job.args) > young]

    def _put_at(self, reference: bytes) -> int:
        name = read_reference(reference).name
        return max((at for (_, each), (_, at) in self.place.kept.items() if each == name), default=0)

    async def sweep(self) -> None:
        await Sweeper(self.store, self.blobs, batch=self.random.choice((1, 3, 500))).sweep()

    async def known(self) -> list[Job]:
        jobs = await self.store.get([job.id for job in self.calls])
        return [job for job in jobs if job is not None and not job.purged]

    async def check(self) -> None:
        """Whatever a record refers to is there and is what it was."""
        for job in await self.known():
            for stored in (job.result, job.spec.args):
                if is_reference(stored):
                    assert stored is not None
                    assert await self.blobs.bring(stored) == self.truth[stored.decode()]

    async def leave(self) -> None:
        """All that runs ends, all that was under way is given up, hours pass: then no orphan is left."""
        self.under_way.clear()
        for job in await self.known():
            if job.state is State.WAITING:
                await self.store.cancel([job.id])
            elif job.state is State.RUNNING:
                await self.end(job, Transition(target=State.FAILED, attempts=1, keep_ms=2_000_000))
        self.clock.advance(SPARED + 1)
        for _ in range(2):  # the first may go on in the middle
            await Sweeper(self.store, self.blobs).sweep()
        referred = {stored for job in await self.known() for stored in (job.result, job.spec.args)}
        names = {reference.name for reference in map(_read, referred) if reference is not None}
        assert self.place.names == names


def _read(stored: bytes | None) -> Reference | None:
    return read_reference(stored) if stored is not None and is_reference(stored) else None


ACTS = [
    *("make_call", "put_arguments", "insert", "lose_insert", "claim", "reclaim", "put_result", "settle", "fail"),
    *("requeue", "forget", "delete", "purge", "wait", "sweep"),
]


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), acts=st.lists(st.sampled_from(ACTS), min_size=5, max_size=60))
async def test_no_history_loses_a_blob_that_a_record_refers_to_or_keeps_an_orphan(seed: int, acts: list[str]) -> None:
    story = Story(seed)
    for act in ("make_call", "put_arguments", "insert", "claim", "put_result", *acts):
        step: Callable[[], Awaitable[None]] = getattr(story, act)
        await step()
        await story.check()
    await story.leave()
    await story.check()


@pytest.mark.parametrize("mutant", ["ignores the age", "takes what is live", "trusts the epoch"])
async def test_the_histories_find_a_sweep_that_is_wrong(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The property is worth something: each of these mistakes breaks it within some hundred random histories."""
    if mutant == "ignores the age":
        monkeypatch.setattr(sweeper_module.Sweeper.__init__, "__kwdefaults__", {"spared": 0, "batch": 500, "pause": 1})
    elif mutant == "takes what is live":
        monkeypatch.setattr(sweeper_module, "is_garbage", lambda blob, job: job is None or job.result is None)
    else:
        monkeypatch.setattr(sweeper_module, "is_garbage", _judged_by_epoch_alone)
    with pytest.raises((NotHere, AssertionError)):
        await many_histories()


async def many_histories() -> None:
    chance = random.Random(7)
    for seed in range(600):
        story = Story(seed)
        for act in chance.choices(ACTS, k=60):
            await getattr(story, act)()
            await story.check()


def _judged_by_epoch_alone(blob: Blob, job: Job | None) -> bool:
    return job is None or int(blob.name.split("-")[1]) < job.epoch


def blob(id: str, epoch: int = 1) -> Blob:
    return Blob(f"{id}-{epoch}-{'0' * 16}", 0)


def test_only_what_nobody_can_refer_to_any_more_is_garbage() -> None:
    job = Job(spec=NewJob(id=new_id(), task="t"), epoch=3)
    one = blob(job.id)

    def judged(**fields: object) -> bool:
        return is_garbage(one, msgspec.structs.replace(job, **fields))

    assert is_garbage(one, None)
    assert judged(state=State.COMPLETED, purged=True)
    assert judged(state=State.COMPLETED, result=b"1")
    assert judged(state=State.FAILED)
    assert not judged(state=State.WAITING)
    assert not judged(state=State.RUNNING)
    assert not judged(state=State.FAILED, damage="it cannot be read")
    assert not judged(state=State.COMPLETED, result=b"@[not a reference")


async def test_of_many_workers_one_sweeps_in_a_minute() -> None:
    clock = ManualClock()
    store, place = MemoryBackend(clock=clock), WobblyPlace(clock)
    sweepers = [Sweeper(store, place.blobs()) for _ in range(5)]
    assert [await each._is_my_turn() for each in sweepers] == [True, False, False, False, False]
    clock.advance(61)
    assert [await each._is_my_turn() for each in reversed(sweepers)] == [True, False, False, False, False]


async def test_a_sweep_goes_on_where_the_last_one_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given seven old orphans, and sweeps of two batches of two
    monkeypatch.setattr(sweeper_module, "_BATCHES", 2)
    clock = ManualClock()
    store, place = MemoryBackend(clock=clock), WobblyPlace(clock)
    blobs: Blobs = place.blobs()
    for _ in range(7):
        await blobs.send(store, new_id(), 1, b'"x"')
    clock.advance(SPARED)
    # When several workers sweep in turn, then each takes its part, and nothing is left
    assert [await Sweeper(store, blobs, batch=2).sweep() for _ in range(3)] == [4, 3, 0]
    assert place.names == set()


async def test_a_store_without_blobs_is_not_swept_and_gets_no_records() -> None:
    store, place = MemoryBackend(), WobblyPlace()
    assert await Sweeper(store, place.blobs()).sweep() == 0
    assert await store.scan("place", "", 10) == []
    assert not place.called.is_set()


async def test_two_that_make_the_space_at_once_get_the_same() -> None:
    store = MemoryBackend()
    first = await made_space(store)
    assert await made_space(store) == await space_of(store) == first
    assert (await store.put([msgspec.structs.replace((await store.scan("place", "", 1))[0], version=0)]))[0] is (
        Verdict.STALE
    )
