"""Edges on SQLite: what they cost, what damage to them an audit mends, and files from before there were any."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from abaca.backends.sqlite import inserts, settles
from abaca.backends.sqlite.connection import APPLICATION_ID
from abaca.backends.sqlite.settings import parse_url
from abaca.backends.sqlite.statements import migrations, sql
from abaca.backends.sqlite.store import SqliteBackend
from abaca.backends.sqlite.tx import Tx
from abaca.model import After, FaultKind, Job, NewJob
from tests.integration.sqlite_help import LEASE, by_hand, claim, complete, job_id, make, opened

PARENTS, EDGE, INDEX = FaultKind.PARENTS, FaultKind.EDGE_WITHOUT_JOB, FaultKind.INDEX


def child(number: int, *parents: int) -> NewJob:
    return NewJob(id=job_id(number), task="join", after=(After(ids=tuple(map(job_id, parents))),))


async def statements_of(store: SqliteBackend, act: Callable[[Tx], object]) -> list[str]:
    """The statements that SQLite runs for an act of the store."""

    def run(tx: Tx) -> list[str]:
        seen: list[str] = []

        def trace(cursor: apsw.Cursor, statement: str, bindings: object) -> bool:
            seen.append(statement)
            return True

        tx.connection.exec_trace = trace
        act(tx)
        tx.connection.exec_trace = None
        return seen

    return await store.engine.write(run)


async def running(store: SqliteBackend, *jobs: NewJob) -> list[Job]:
    await store.insert(jobs)
    return await claim(store, len(jobs))


async def test_the_end_of_jobs_without_children_asks_for_none(sqlite_url: str) -> None:
    # Given running jobs in a store with and without edges elsewhere
    async with opened(sqlite_url) as store:
        plain = await running(store, *map(make, range(20)))
        before = await statements_of(store, lambda tx: settles.settle(tx, [complete(job) for job in plain]))
        jobs = await running(store, *map(make, range(100, 120)))
        await store.insert([make(1000, queue="other"), child(1001, 1000)])
        # When those without children end
        with_edges = await statements_of(store, lambda tx: settles.settle(tx, [complete(job) for job in jobs]))
        # Then no statement is about edges, and they are those of a store without any
        assert with_edges == before
        assert not [text for text in with_edges if "edges" in text]


async def test_an_end_is_told_to_all_children_by_one_statement(sqlite_url: str) -> None:
    # Given a job with one child, and one with two hundred
    async with opened(sqlite_url) as store:
        lone, liked = await running(store, make(1), make(2))
        await store.insert([child(3, 1), *(child(n, 2) for n in range(100, 300))])
        # When each ends
        one = await statements_of(store, lambda tx: settles.settle(tx, [complete(lone)]))
        many = await statements_of(store, lambda tx: settles.settle(tx, [complete(liked)]))
        # Then both take the same statements, and all children can be claimed
        assert many == one
        assert len(await claim(store, 300)) == 201


async def test_many_parents_are_counted_by_one_statement(sqlite_url: str) -> None:
    # Given many running jobs
    async with opened(sqlite_url) as store:
        jobs = await running(store, *map(make, range(1, 202)))
        # When a job waits for one, and one for all others, and those end together
        one = await statements_of(store, lambda tx: inserts.insert(tx, [child(900, 1)]))
        many = await statements_of(store, lambda tx: inserts.insert(tx, [child(901, *range(2, 202))]))
        alone = await statements_of(store, lambda tx: settles.settle(tx, [complete(job) for job in jobs[:5]]))
        together = await statements_of(store, lambda tx: settles.settle(tx, [complete(job) for job in jobs[5:]]))
        # Then the number of statements is the same
        assert (len(many), len(together)) == (len(one), len(alone))
        assert len(await claim(store)) == 2


@pytest.mark.parametrize("name", ["count_parents", "add_edges", "mark_parents", "await_parents", "put_asked"])
async def test_no_statement_about_edges_scans_the_jobs(sqlite_url: str, name: str) -> None:
    await assert_no_scan(sqlite_url, name)


@pytest.mark.parametrize(
    "name", ["count_ends", "count_restart", "children_again", "has_children", "drop_edges_to", "drop_edges_from"]
)
async def test_nor_does_one_about_ends(sqlite_url: str, name: str) -> None:
    await assert_no_scan(sqlite_url, name)


async def assert_no_scan(url: str, name: str) -> None:
    text = sql(name)
    values = dict.fromkeys(re.findall(r":(\w+)", text), 0)
    async with opened(url) as store:
        plan = await store.engine.read(
            lambda tx: [str(row[3]) for row in tx.connection.execute("EXPLAIN QUERY PLAN " + text, values)]
        )
    assert not [step for step in plan if re.search(r"SCAN (jobs|edges|asked|parents|children)\b", step)]


BROKEN: dict[str, tuple[str, list[tuple[FaultKind, str]]]] = {
    "an edge is lost": ("DELETE FROM edges WHERE parent = 1", [(PARENTS, job_id(3))]),
    "unmet parents that are none": ("UPDATE jobs SET unmet = 1 WHERE n = 3", [(PARENTS, job_id(3))]),
    "too many open parents": ("UPDATE jobs SET open_parents = 3 WHERE n = 3", [(PARENTS, job_id(3))]),
    "a job in line too soon": ("UPDATE jobs SET blocked = NULL WHERE n = 3", [(PARENTS, job_id(3))]),
    "a job that waits for nobody": ("UPDATE jobs SET blocked = '' WHERE n = 2", [(PARENTS, job_id(2))]),
    "a parent without its mark": ("UPDATE jobs SET parental = 0 WHERE n = 1", [(PARENTS, job_id(1))]),
    "an edge to nobody": ("INSERT INTO edges VALUES (1, 77, 0)", [(EDGE, "edges.77")]),
    "parents of nobody": ("INSERT INTO asked VALUES (77, '[]')", [(INDEX, "asked.77")]),
    "parents of a job without": ("INSERT INTO asked VALUES (2, '[]')", [(INDEX, job_id(2))]),
}


@pytest.mark.damages
@pytest.mark.parametrize(("statement", "expected"), BROKEN.values(), ids=BROKEN)
async def test_an_audit_finds_and_mends_broken_edges(
    sqlite_url: str, statement: str, expected: list[tuple[FaultKind, str]]
) -> None:
    # Given a job that waits for two, and damage
    async with opened(sqlite_url) as store:
        await store.insert([make(1), make(2), child(3, 1, 2)])
        by_hand(parse_url(sqlite_url).path, statement)
        # When it is audited, repaired, and audited again
        found = await store.audit()
        repaired = await store.audit(repair=True)
        # Then the damage is named once, and mended
        assert [(fault.kind, fault.id) for fault in found] == expected
        assert all(fault.repaired for fault in repaired)
        assert await store.audit() == []
        # And the job comes after its parents, once
        assert sorted(job.id for job in await finish_all(store)) == [job_id(1), job_id(2)]
        assert [job.id for job in await claim(store)] == [job_id(3)]


async def finish_all(store: SqliteBackend) -> list[Job]:
    jobs = await claim(store)
    await store.exchange([complete(job) for job in jobs], None, LEASE)
    return jobs


@pytest.mark.damages
async def test_a_job_of_which_nobody_knows_the_parents_is_damaged(sqlite_url: str) -> None:
    # Given a job that waits for one, whose parents are lost
    async with opened(sqlite_url) as store:
        await store.insert([make(1), child(2, 1)])
        by_hand(parse_url(sqlite_url).path, "DELETE FROM asked")
        # When the store is audited with repair
        faults = await store.audit(repair=True)
        # Then it is told and left, and the job is handed out as damaged when its parent has ended
        assert {(fault.kind, fault.repaired) for fault in faults if fault.id == job_id(2)} == {
            (FaultKind.UNREADABLE, False),
            (FaultKind.PARENTS, False),
        }
        await finish_all(store)
        (job,) = await claim(store)
        assert (job.id, job.damage is not None) == (job_id(2), True)


def old_file(path: Path) -> None:
    """A file of the first schema with one waiting job."""
    connection = apsw.Connection(str(path))
    connection.execute(migrations()[0][1])
    connection.execute(f"PRAGMA user_version = 1; PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(
        "INSERT INTO jobs (id, queue, priority, lane, due_at, task, args, created_at) "
        f"VALUES (x'{job_id(1)}', 'default', 50, '', 1, 'old', '{{}}', 1)"
    )
    connection.close()


async def test_a_file_from_before_goes_on(sqlite_url: str) -> None:
    # Given a file of the first schema
    old_file(parse_url(sqlite_url).path)
    # When it is opened, and a job waits for the old one
    async with opened(sqlite_url) as store:
        await store.insert([child(2, 1)])
        # Then both run, and the file is sound
        assert [job.id for job in await finish_all(store)] == [job_id(1)]
        assert [job.id for job in await finish_all(store)] == [job_id(2)]
        assert await store.audit() == []
