"""Each kind of entry of the SQLite store broken by hand: an audit finds it, repairs it, and says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from abaca.backends.sqlite import SqliteBackend
from abaca.backends.sqlite.settings import parse_url
from abaca.model import FaultKind, Kind, NewJob, NewUpdate
from abaca.testing import ManualClock
from tests.hostile.damage import ENDED, FREE, RUNNING, WAITING, fill, mended
from tests.integration.sqlite_help import by_hand, opened

pytestmark = pytest.mark.damages

Expected = list[tuple[FaultKind, str]]

BROKEN: dict[str, tuple[str, Expected]] = {
    "a running job without a lease": (
        f"UPDATE jobs SET lease_until = NULL WHERE id = x'{RUNNING}'",
        [(FaultKind.RUNNING_WITHOUT_LEASE, RUNNING)],
    ),
    "an ended job that never leaves": (
        f"UPDATE jobs SET leaves_at = NULL WHERE id = x'{ENDED}'",
        [(FaultKind.ENDED_NOT_EXPIRING, ENDED)],
    ),
    "an ended job without an end": (
        f"UPDATE jobs SET leaves_at = NULL, ended_at = NULL WHERE id = x'{ENDED}'",
        [(FaultKind.ENDED_NOT_EXPIRING, ENDED)],
    ),
    "an ended job that leaves at a wrong time": (
        f"UPDATE jobs SET leaves_at = 1 WHERE id = x'{ENDED}'",
        [(FaultKind.ENDED_NOT_EXPIRING, ENDED)],
    ),
    "a permit of a job that does not run": (
        f"INSERT INTO permits VALUES ('b', x'{WAITING}')",
        [(FaultKind.PERMIT_WITHOUT_RUN, WAITING)],
    ),
    "an ended job that is said to be held back": (
        f"UPDATE jobs SET blocked = 'b' WHERE id = x'{ENDED}'",
        [(FaultKind.LINE_WITHOUT_JOB, ENDED)],
    ),
    "a log of an unknown job": (
        f"INSERT INTO log VALUES (x'{FREE}', 3, 'item', 1, 1, 'null')",
        [(FaultKind.LOG_WITHOUT_JOB, FREE)],
    ),
    "a next entry that is taken": (
        f"UPDATE jobs SET next_entry = 3 WHERE id = x'{RUNNING}'",
        [(FaultKind.COUNT, RUNNING)],
    ),
    "a wrong count of trimmed entries": (
        f"UPDATE jobs SET trimmed = 9 WHERE id = x'{RUNNING}'",
        [(FaultKind.COUNT, RUNNING)],
    ),
    "large arguments of an unknown job": (
        "INSERT INTO bodies VALUES (99, 'x')",
        [(FaultKind.INDEX, "bodies.99")],
    ),
    "large arguments of a job with small ones": (
        f"INSERT INTO bodies SELECT n, 'x' FROM jobs WHERE id = x'{WAITING}'",
        [(FaultKind.INDEX, WAITING)],
    ),
    "a total too high": (
        "UPDATE totals SET jobs = 5 WHERE state = 2",
        [(FaultKind.COUNT, "totals.completed")],
    ),
    "a total that is gone": (
        "DELETE FROM totals WHERE state = 3",
        [(FaultKind.COUNT, "totals.failed")],
    ),
    "an index that is gone": (
        "DROP INDEX waiting",
        [(FaultKind.INDEX, "waiting")],
    ),
}


@pytest.fixture
async def store(sqlite_url: str, clock: ManualClock) -> AsyncIterator[SqliteBackend]:
    async with opened(sqlite_url, clock) as store:
        yield store


@pytest.fixture
def path(sqlite_url: str) -> Path:
    return parse_url(sqlite_url).path


async def fill_with_log(store: SqliteBackend) -> None:
    await fill(store)
    await store.append([NewUpdate(id=RUNNING, epoch=1, seq=1, kind=Kind.LOG)])


@pytest.mark.parametrize("how", BROKEN)
async def test_what_was_broken_is_found_and_repaired(
    store: SqliteBackend, path: Path, clock: ManualClock, how: str
) -> None:
    # Given a store with one entry broken by hand
    await fill_with_log(store)
    statement, expected = BROKEN[how]
    by_hand(path, statement)
    # When it is audited, with repair in the end
    # Then exactly that is found and mended, and every job comes to its end
    clock.advance(20)
    await mended(store, *expected)


async def test_an_index_that_lost_an_entry_is_found_and_made_anew(
    store: SqliteBackend, path: Path, clock: ManualClock
) -> None:
    # Given a row that its index does not know, as after a damaged page
    await fill_with_log(store)
    await store.close()
    without_index(path, "waiting", f"UPDATE jobs SET priority = 51 WHERE id = x'{WAITING}'")
    await store.open()
    clock.advance(20)
    # When it is audited and repaired, then the index is named, and is whole again
    await mended(store, (FaultKind.INDEX, "waiting"))


def without_index(path: Path, name: str, statement: str) -> None:
    """Run a statement that SQLite believes need not touch an index."""
    root = by_hand(path, f"SELECT rootpage, sql FROM sqlite_schema WHERE name = '{name}'")
    connection = apsw.Connection(str(path))
    try:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(f"DELETE FROM sqlite_schema WHERE name = '{name}'")
        connection.execute("PRAGMA writable_schema = RESET")
        connection.execute(statement)
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql) VALUES ('index', ?, 'jobs', ?, ?)",
            (name, *root[0]),
        )
        connection.execute("PRAGMA writable_schema = RESET")
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        ("state = 9", "its state is 9"),
        ("args = NULL", "its arguments are lost"),
        ("args = 7", "its arguments are a number"),
        ("options = '{garbage'", "no JSON"),
        ("error = 'oops'", "no JSON"),
    ],
)
async def test_a_record_that_cannot_be_read_is_told_and_left_as_evidence(
    store: SqliteBackend, path: Path, damage: str, word: str
) -> None:
    # Given a record damaged by hand
    await fill_with_log(store)
    by_hand(path, f"UPDATE jobs SET {damage} WHERE id = x'{WAITING}'")
    # When the store is repaired
    faults = await store.audit(repair=True)
    # Then the record is told, and stays as it is
    assert [(fault.kind, fault.id, fault.repaired) for fault in faults] == [(FaultKind.UNREADABLE, WAITING, False)]
    assert word in faults[0].detail
    assert (await store.stats()).repaired == 0


async def test_a_table_of_somebody_else_is_told_and_stays(store: SqliteBackend, path: Path) -> None:
    # Given a table that is none of the store's
    await fill_with_log(store)
    by_hand(path, "CREATE TABLE mine (x)")
    # When the store is repaired, then it is told and left
    (fault,) = await store.audit(repair=True)
    assert (fault.kind, fault.id, fault.repaired) == (FaultKind.UNDECLARED, "mine", False)
    assert by_hand(path, "SELECT count(*) FROM mine") == [(0,)]


async def test_a_damaged_page_is_told_as_damage_of_the_file(store: SqliteBackend, path: Path) -> None:
    # Given a file in whose middle a page was overwritten
    await store.insert([NewJob(id=f"{n:030x}00", task="t", args=b"x" * 1500) for n in range(1, 200)])
    await store.close()
    with path.open("r+b") as file:
        file.seek(4096 * 40)
        file.write(b"\xff" * 4096)
    await store.open()
    # When it is audited, then it says so
    faults = await store.audit()
    assert any(fault.kind is FaultKind.FILE for fault in faults)
