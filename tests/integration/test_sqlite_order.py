"""The order of claims on SQLite: what deadlines and tenants cost, and what damage to their lines an audit mends."""

from __future__ import annotations

import apsw
import pytest

from abaca.backends.sqlite import claims
from abaca.backends.sqlite.settings import parse_url
from abaca.backends.sqlite.statements import sql
from abaca.backends.sqlite.store import SqliteBackend
from abaca.backends.sqlite.tx import Tx
from abaca.clock import ManualClock
from abaca.model import FaultKind, NewJob, Want
from tests.integration.sqlite_help import LEASE, by_hand, claim, complete, job_id, make, opened

NAMES = ["claim_facts", "record", "next_line", "next_line", "take", "claim", "rows_by_number"]


async def cost(store: SqliteBackend, slots: int) -> tuple[list[str], int]:
    """The statements of a claim, and how many instructions of SQLite's machine they take. The claim is undone."""

    def count(tx: Tx) -> tuple[list[str], int]:
        statements: list[str] = []
        steps = 0

        def step() -> bool:
            nonlocal steps
            steps += 1
            return False

        def trace(cursor: apsw.Cursor, statement: str, bindings: object) -> bool:
            statements.append(statement)
            return True

        tx.connection.execute("SAVEPOINT counted")
        tx.connection.set_progress_handler(step, 1)
        tx.connection.exec_trace = trace
        taken = claims.claim(tx, Want(queues=("default",), slots={"": slots}), LEASE)
        tx.connection.exec_trace = None
        tx.connection.set_progress_handler(None)
        tx.connection.execute("ROLLBACK TO counted")
        assert len(taken.jobs) == slots
        return statements, steps

    await store.engine.write(count)  # the first one also prepares the statements
    return await store.engine.write(count)


async def fill(store: SqliteBackend, first: int, count: int, tenants: int, **fields: object) -> None:
    for start in range(first, first + count, 1000):
        numbers = range(start, min(start + 1000, first + count))
        await store.insert(
            [NewJob(id=job_id(n), task="t", tenant=f"t{n % tenants}", **fields) for n in numbers]  # type: ignore[arg-type]
        )


async def test_a_claim_from_a_queue_without_all_this_asks_for_it_once(sqlite_url: str) -> None:
    # Given a queue without tenants, deadlines or limits
    async with opened(sqlite_url) as store:
        await store.insert([make(n) for n in range(20)])
        # When some are claimed
        statements, _ = await cost(store, 10)
        # Then one statement asked whether there is anything of that kind
        assert statements == [sql(name) for name in NAMES]


async def test_a_lone_tenant_costs_no_turns(sqlite_url: str) -> None:
    # Given a queue of one tenant
    async with opened(sqlite_url) as store:
        await fill(store, 0, 20, tenants=1)
        # When some are claimed, then the statements are those of a queue without tenants
        statements, _ = await cost(store, 10)
        assert statements == [sql(name) for name in NAMES]


async def test_turns_cost_the_same_however_many_jobs_each_tenant_has(sqlite_url: str) -> None:
    # Given twenty tenants with ten jobs each
    async with opened(sqlite_url + "?synchronous=off", ManualClock()) as store:
        await fill(store, 0, 200, tenants=20)
        _, few = await cost(store, 40)
        # When each has two hundred more
        await fill(store, 200, 4000, tenants=20)
        _, many = await cost(store, 40)
        # Then a claim takes as many steps, but for where pages and read-ahead end
        assert many < few * 1.1


async def test_turns_cost_in_proportion_to_the_tenants(sqlite_url: str) -> None:
    # Given a hundred tenants, and then a thousand
    async with opened(sqlite_url + "?synchronous=off", ManualClock()) as store:
        await fill(store, 0, 100, tenants=100)
        _, few = await cost(store, 50)
        await fill(store, 10_000, 5000, tenants=1000)
        _, many = await cost(store, 50)
        # Then a claim costs at most in proportion
        assert many < few * 10


async def test_a_line_of_deadlines_costs_the_same_however_many_wait(sqlite_url: str) -> None:
    # Given a few jobs with deadlines
    async with opened(sqlite_url + "?synchronous=off", ManualClock()) as store:
        await fill(store, 0, 50, tenants=1, start_within_ms=60_000)
        _, few = await cost(store, 10)
        # When there are a hundred times as many
        await fill(store, 50, 5000, tenants=1, start_within_ms=60_000)
        _, many = await cost(store, 10)
        # Then a claim takes as many steps as before
        assert many == few


BROKEN = {
    "another tenant": "UPDATE jobs SET tenant = 'other' WHERE n = 2",
    "no deadline": "UPDATE jobs SET deadline_at = NULL WHERE n = 2",
    "another deadline": "UPDATE jobs SET deadline_at = deadline_at + 1 WHERE n = 2",
}


@pytest.mark.damages
@pytest.mark.parametrize("statement", BROKEN.values(), ids=BROKEN)
async def test_an_audit_finds_and_mends_a_job_in_a_wrong_line(sqlite_url: str, statement: str) -> None:
    # Given a job with a tenant and a deadline that stands in another line
    async with opened(sqlite_url) as store:
        await store.insert([make(1)])
        await fill(store, 2, 1, tenants=1, start_within_ms=60_000)
        by_hand(parse_url(sqlite_url).path, statement)
        # When it is audited, and repaired
        found = await store.audit()
        repaired = await store.audit(repair=True)
        # Then it is named, and goes first again
        assert [(fault.kind, fault.id) for fault in found] == [(FaultKind.WAITING_NOT_IN_LINE, job_id(2))]
        assert ([fault.repaired for fault in repaired], await store.audit()) == ([True], [])
        jobs = await claim(store)
        assert [job.id for job in jobs] == [job_id(2), job_id(1)]
        await store.exchange([complete(job) for job in jobs], None, LEASE)
