"""``abaca doctor``: what it tells of a store, and with which status it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from abaca import App
from abaca.backend import Backend
from abaca.backends import open_backend
from abaca.backends.sqlite.settings import parse_url
from abaca.cli import main
from abaca.cli.checkup import Checkup, Level, examine
from abaca.codec import new_id
from abaca.model import Card, Lease, NewJob
from abaca.testing import ManualClock
from tests.integration.sqlite_help import by_hand

LEASE = Lease(worker="w", ms=15_000)

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ABACA_URL", raising=False)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(["doctor", *words])
        captured = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, captured.out, captured.err

    return run


def filled(url: str, *jobs: NewJob, card: Card | None = None) -> None:
    async def fill() -> None:
        async with opened(url) as store:
            await store.insert(jobs)
            if card is not None:
                await store.beat(card, [], LEASE)

    asyncio.run(fill())


@asynccontextmanager
async def opened(url: str, clock: ManualClock | None = None) -> AsyncIterator[Backend]:
    store = open_backend(url, clock)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def job(**fields: Any) -> NewJob:
    return NewJob(id=new_id(), task="render", lane="async", **fields)


def test_a_sound_store_is_told_with_its_durability_and_ends_with_0(run: Run, shared_url: str) -> None:
    # Given a store with a job that a live worker serves
    card = Card(id="w", name="w-1", queues=("default",), tasks=("render",), slots={"async": 1})
    filled(shared_url, job(), card=card)
    # When the doctor looks at it
    status, out, _ = run(shared_url)
    # Then it tells what it saw, no fault and no warning, and ends well
    assert status == 0
    assert "the store agrees with its records" in out
    for fact in ("durability", "answers in", "abaca ", "1 waiting", "1 alive", "this machine's"):
        assert fact in out
    assert not any(line.startswith(("fault", "warning")) for line in out.splitlines())


def test_the_same_is_told_to_machines(run: Run, shared_url: str) -> None:
    filled(shared_url, job())
    status, out, _ = run("--json", "--url", shared_url)
    answer = json.loads(out)
    assert (status, answer["judged"], answer["healthy"], answer["waiting"]) == (0, True, True, 1)
    assert set(answer["versions"]) == {"abaca", "python"}
    assert {finding["level"] for finding in answer["findings"]} <= {"warning", "weakness"}


@pytest.mark.damages
def test_faults_end_with_1_and_repair_mends_them(run: Run, sqlite_url: str) -> None:
    # Given a store in which a total is wrong
    filled(sqlite_url, job())
    by_hand(parse_url(sqlite_url).path, "UPDATE totals SET jobs = 5 WHERE state = 2")
    # When it is examined, then the fault is told, and that it can be mended
    status, out, _ = run(sqlite_url)
    assert status == 1
    assert "totals.completed: the total is 5, a recount gives 0" in out
    assert "--repair" in out
    # And with --repair it is mended, told, and counted
    status, out, _ = run(sqlite_url, "--repair")
    assert status == 0
    assert any(line.split()[:3] == ["repaired", "count", "totals.completed:"] for line in out.splitlines()), out
    assert "1 faults repaired; the store agrees with its records now" in out
    status, out, _ = run(sqlite_url, "--json")
    assert (status, json.loads(out)["repaired_total"]) == (0, 1)


@pytest.mark.damages
def test_what_cannot_be_repaired_still_ends_with_1(run: Run, sqlite_url: str) -> None:
    filled(sqlite_url, job())
    by_hand(parse_url(sqlite_url).path, "UPDATE jobs SET options = '{garbage'")
    status, out, _ = run(sqlite_url, "--repair")
    assert status == 1
    assert "unreadable" in out


@pytest.mark.parametrize("url", ["redis://user:secret@127.0.0.1:1/0", "sqlite:///none.db", "mysql://x"])
def test_a_store_that_cannot_be_judged_ends_with_2(run: Run, url: str) -> None:
    status, out, err = run(url)
    assert (status, out) == (2, "")
    assert err
    assert "secret" not in err


def test_weak_settings_are_told_with_the_remedy_and_cost_no_status(run: Run, sqlite_url: str) -> None:
    url = f"{sqlite_url}?synchronous=off"
    filled(url)
    status, out, _ = run(url)
    assert status == 0
    assert "weakness" in out
    assert "synchronous=off: weakens G1" in out


WARNINGS: dict[str, tuple[list[NewJob], Card | None, str]] = {
    "nobody at all": ([job()], None, "nobody serves the queue 'default', in which 1 jobs wait"),
    "nobody for the queue": (
        [job(queue="far", delay_ms=60_000)],
        Card(id="w", queues=("default",), tasks=("render",)),
        "nobody serves the queue 'far'",
    ),
    "nobody who knows the task": (
        [job(), job()],
        Card(id="w", queues=("default",), tasks=("other",)),
        "2 of the due jobs in queue 'default' are for task 'render', which no live worker of that queue knows",
    ),
    "nobody with such a slot": (
        [job()],
        Card(id="w", queues=("default",), tasks=("render",), slots={"thread": 3}),
        "need a slot of kind 'async', which no live worker of that queue has",
    ),
    "a worker that gives up": (
        [job()],
        Card(id="w", queues=("default",), tasks=("render",), draining=True),
        "nobody serves the queue 'default'",
    ),
}


@pytest.mark.parametrize("case", WARNINGS)
def test_jobs_that_nobody_can_run_are_told(run: Run, sqlite_url: str, case: str) -> None:
    # Given jobs, and no worker that could run them
    jobs, card, words = WARNINGS[case]
    filled(sqlite_url, *jobs, card=card)
    # When the doctor looks, then it says why nobody runs them, and ends well
    status, out, _ = run(sqlite_url)
    assert status == 0
    (line,) = (line for line in out.splitlines() if line.startswith("warning"))
    assert words in line


async def by(clock: ManualClock, url: str, act: Callable[[Backend], Awaitable[object]]) -> Checkup:
    """An examination of a store that goes by a clock of its own, after ``act`` and whatever it does to the clock."""
    async with opened(url, clock) as store:
        await act(store)
        async with App(backend=store) as app:
            return await examine(app, repair=False)


async def test_a_worker_that_is_silent_is_told_with_what_becomes_of_its_jobs(store_url: str) -> None:
    # Given a worker that beat once, some while ago
    clock = ManualClock()
    card = Card(id="w", name="w-1", host="there", pid=7, queues=("default",), running=("a", "b"))

    async def fall_silent(store: Backend) -> None:
        await store.beat(card, [], LEASE)
        clock.advance(20)

    checkup = await by(clock, store_url, fall_silent)
    # Then it is told
    (finding,) = (finding for finding in checkup.findings if finding.about == "worker")
    assert finding.level is Level.WARNING
    assert "w-1 on there (pid 7) has not beaten for 20.0s; its 2 jobs go to others" in finding.text


async def test_a_clock_that_is_off_is_told(store_url: str) -> None:
    # Given a store whose clock is years ahead of this machine's, or behind
    checkup = await by(ManualClock(), store_url, lambda store: store.stats())
    (finding,) = (finding for finding in checkup.findings if finding.about == "clock")
    assert "this machine's" in finding.text
    assert abs(checkup.clock_ms) > 1000
