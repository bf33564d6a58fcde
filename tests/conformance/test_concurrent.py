"""Many clients at once, with leases that end in mid-job: judged by what must hold in every order."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from abaca.backend import Backend
from abaca.backends import open_backend
from abaca.backends.memory import MemoryBackend
from abaca.model import Job, Verdict
from abaca.testing import ManualClock
from abaca.testing.clients import Client, Event
from abaca.testing.conformance.making import LEASE, job_id, many, want
from abaca.testing.invariants import out_of_order, replay, violations

ROOT = Path(__file__).parents[2]
PROCESSES = 3
JOBS = 480
LEASE_MS = 20


async def judge(store: Backend, events: list[Event], count: int) -> None:
    """Read the store when all is over, and let both judges speak."""
    stored = await store.get([job_id(n) for n in range(1, count + 1)])
    jobs = [job for job in stored if job is not None]
    assert len(jobs) == count, "a job was lost"
    assert violations(events, jobs, await store.stats()) == []
    clock = ManualClock()
    assert await replay([job.spec for job in jobs], events, jobs, MemoryBackend(clock), clock) == []
    assert_it_was_a_quarrel(events, jobs)


def assert_it_was_a_quarrel(events: list[Event], jobs: list[Job]) -> None:
    """A run without stale settles or lost leases would prove nothing."""
    verdicts = [event.verdict for event in events if event.kind == "settle"]
    assert verdicts.count(Verdict.STALE) > 5
    assert sum(job.epoch > 1 for job in jobs) > 20


async def quarrel(store: Backend, count: int) -> list[Event]:
    """Eight clients on one object, in one process."""
    share = count // 8
    clients = [Client(store, f"c{n}", lease_ms=LEASE_MS, expected=count) for n in range(8)]
    shares = [many(share, first=1 + n * share) for n in range(8)]
    runs = await asyncio.gather(*(client.run(jobs) for client, jobs in zip(clients, shares, strict=True)))
    return [event for events in runs for event in events]


def start_processes(url: str, count: int) -> list[subprocess.Popen[bytes]]:
    share = count // PROCESSES
    command = [sys.executable, "-m", "tests.conformance.client_process", url]
    words = [[f"p{n}", str(1 + n * share), str(share), str(count)] for n in range(PROCESSES)]
    return [subprocess.Popen([*command, *each], cwd=ROOT, stdout=subprocess.PIPE) for each in words]


async def quarrel_of_processes(url: str, count: int) -> list[Event]:
    running = start_processes(url, count)
    try:
        outputs = await asyncio.gather(*(asyncio.to_thread(process.communicate) for process in running))
    finally:
        for process in running:
            process.kill()
            process.wait()
    assert [process.returncode for process in running] == [0] * PROCESSES
    return [event for output, _ in outputs for event in msgspec.json.decode(output, type=list[Event])]


async def test_memory_keeps_its_promises_to_many_clients() -> None:
    # Given an empty store
    store = open_backend("memory://")
    await store.open()
    # When eight clients insert, claim, settle, reclaim, come late and fall silent
    events = await quarrel(store, JOBS)
    # Then every promise holds, and a replay gives the same verdicts and records
    await judge(store, events, JOBS)
    await store.close()


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("redis", marks=pytest.mark.redis)])
async def test_a_server_or_file_keeps_its_promises_to_many_clients(kind: str, request: pytest.FixtureRequest) -> None:
    # Given an empty store
    store = open_backend(request.getfixturevalue(f"{kind}_url"))
    await store.open()
    # When eight clients of one process insert, claim, settle, reclaim, come late and fall silent
    events = await quarrel(store, JOBS)
    # Then every promise holds, and a replay gives the same verdicts and records
    await judge(store, events, JOBS)
    await store.close()


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("redis", marks=pytest.mark.redis)])
async def test_it_keeps_them_to_many_processes(kind: str, request: pytest.FixtureRequest) -> None:
    # Given an empty store
    url: str = request.getfixturevalue(f"{kind}_url")
    store = open_backend(url)
    await store.open()
    # When three processes of four clients each quarrel over it
    events = await quarrel_of_processes(url, JOBS)
    # Then every promise holds, and a replay gives the same verdicts and records
    await judge(store, events, JOBS)
    await store.close()


@pytest.mark.parametrize("kind", ["memory", "sqlite", pytest.param("redis", marks=pytest.mark.redis)])
async def test_concurrent_claims_come_in_line(kind: str, request: pytest.FixtureRequest) -> None:
    # Given a backlog of mixed priorities
    url = "memory://" if kind == "memory" else request.getfixturevalue(f"{kind}_url")
    store = open_backend(url)
    await store.open()
    jobs = [
        msgspec.structs.replace(job, priority=(0, 50, 100)[number % 3], run_at=number % 7)
        for number, job in enumerate(many(600))
    ]
    await store.insert(jobs)
    line = sorted(jobs, key=lambda job: (-job.priority, job.run_at or 0, job.id))
    # When eight claimers empty it together
    runs = await asyncio.gather(*(take_all(store, f"c{n}") for n in range(8)))
    claims = [event for run in runs for event in run]
    # Then each job comes once, and nobody who asked later got an earlier place
    assert sorted(claim.id for claim in claims) == sorted(job.id for job in jobs)
    assert out_of_order(claims, {job.id: place for place, job in enumerate(line)}) == []
    await store.close()


async def take_all(store: Backend, name: str) -> list[Event]:
    loop = asyncio.get_running_loop()
    events: list[Event] = []
    while True:
        began = round(loop.time() * 1e9)
        answer = await store.exchange([], want(slots=7), LEASE)
        ended = round(loop.time() * 1e9)
        if not answer.jobs:
            return events
        events += [Event(kind="claim", client=name, id=job.id, began=began, ended=ended) for job in answer.jobs]
