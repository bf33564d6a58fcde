"""A claim's cost depends on what it takes, never on how many jobs wait."""

from __future__ import annotations

import re

import pytest

from abaca.backends.sqlite import claims
from abaca.backends.sqlite.statements import sql
from abaca.backends.sqlite.store import SqliteBackend
from abaca.backends.sqlite.tx import Tx
from abaca.clock import ManualClock
from abaca.model import NewJob, Want
from tests.integration.sqlite_help import LEASE, job_id, opened

HOT = [
    *(
        "insert",
        "put_body",
        "known",
        "holder",
        "hold_period",
        "drop_period",
        "replace",
        "judge",
        "finish",
        "settle",
        "log_error",
        "next_line",
        "take",
        "claim",
    ),
    *("claim_facts", "next_dated", "take_dated", "take_oldest", "heads", "parked_tenants", "unpark"),
    *("rows_by_number", "rows", "renew", "lapsed", "past", "drop_bodies"),
]


@pytest.mark.parametrize("name", HOT)
async def test_the_hot_statements_neither_scan_the_jobs_nor_sort(sqlite_url: str, name: str) -> None:
    # Given a statement of the hot path
    text = sql(name)
    values = dict.fromkeys(re.findall(r":(\w+)", text), 0)
    # When SQLite is asked how it would run it
    async with opened(sqlite_url) as store:
        plan = await store.engine.read(
            lambda tx: [str(row[3]) for row in tx.connection.execute("EXPLAIN QUERY PLAN " + text, values)]
        )
    # Then it goes by an index, in the index's order
    assert not [step for step in plan if "SCAN jobs" in step or "TEMP B-TREE" in step]


async def steps_of_a_claim(store: SqliteBackend, slots: int) -> int:
    """How many instructions of SQLite's machine a claim takes. The claim is undone."""

    def count(tx: Tx) -> int:
        steps = 0

        def step() -> bool:
            nonlocal steps
            steps += 1
            return False

        tx.connection.set_progress_handler(step, 1)
        tx.connection.execute("SAVEPOINT counted")
        taken = claims.claim(tx, Want(queues=("default",), slots={"": slots}), LEASE)
        tx.connection.execute("ROLLBACK TO counted")
        tx.connection.set_progress_handler(None)
        assert len(taken.jobs) == slots
        return steps

    return await store.engine.write(count)


async def test_a_claim_costs_the_same_however_many_wait(sqlite_url: str) -> None:
    # Given few waiting jobs of three priorities and two lanes
    def some(first: int, count: int) -> list[NewJob]:
        numbers = range(first, first + count)
        return [NewJob(id=job_id(n), task="t", priority=(0, 50, 100)[n % 3], lane=("", "cpu")[n % 2]) for n in numbers]

    async with opened(sqlite_url + "?synchronous=off", ManualClock()) as store:
        await store.insert(some(0, 60))
        await steps_of_a_claim(store, 1)  # the first one also prepares the statements
        few = [await steps_of_a_claim(store, slots) for slots in (1, 8)]
        # When there are a hundred times as many
        for first in range(60, 6060, 1000):
            await store.insert(some(first, 1000))
        await steps_of_a_claim(store, 1)
        many = [await steps_of_a_claim(store, slots) for slots in (1, 8)]
        # Then a claim takes as many steps as before
        assert many == few
