"""Each kind of entry of the Redis store broken by hand: an audit finds it, repairs it, and says so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Protocol

import pytest
import redis

from abaca.backends.redis import RedisBackend, from_url
from abaca.model import (
    Amended,
    Beat,
    Card,
    Change,
    FaultKind,
    Kind,
    NewUpdate,
    Record,
    Requeued,
    Settle,
    State,
    Transition,
    Verdict,
)
from abaca.testing import ManualClock
from abaca.testing.conformance.making import LEASE, fetch
from tests.hostile.damage import ENDED, FREE, RUNNING, WAITING, fill, mended, serves
from tests.servers import RedisServer

pytestmark = pytest.mark.damages

BASE = b"abaca:{00}:"
LINE = "w:50||default"
DONE = Transition(target=State.COMPLETED, attempts=1, keep_ms=60_000)


class Ask(Protocol):
    """One command on the server; words that end a key are put behind the partition by ``key``."""

    def __call__(self, *words: str | bytes | int) -> Any: ...


def key(name: str, id: str = "") -> bytes:
    return BASE + name.encode() + bytes.fromhex(id)


@pytest.fixture
def ask(redis_server: RedisServer) -> Iterator[Ask]:
    with redis.Redis(host="127.0.0.1", port=redis_server.port) as client:
        yield client.execute_command


@pytest.fixture
async def store(redis_url: str, clock: ManualClock) -> AsyncIterator[RedisBackend]:
    backend = from_url(redis_url, clock)
    await backend.open()
    await fill(backend)
    await backend.append([NewUpdate(id=RUNNING, epoch=1, seq=1, kind=Kind.LOG)])
    await backend.beat(Card(id="w1"), [], LEASE)
    await backend.put([Record(kind="kind", id="a", data=b"x")])
    yield backend
    await backend.close()


def raw(id: str) -> bytes:
    return bytes.fromhex(id)


def instant(ask: Ask) -> str:
    """When the one lease ends."""
    return str(ask("ZRANGE", key("leases"), 0, 0)[0].decode())


Names = list[tuple[FaultKind, str]]
Break = Callable[[Ask, str], object]

BROKEN: dict[str, tuple[Break, Callable[[str], Names]]] = {
    "a waiting job out of its line": (
        lambda ask, at: ask("ZREM", key(LINE), raw(WAITING)),
        lambda at: [(FaultKind.WAITING_NOT_IN_LINE, WAITING)],
    ),
    "a waiting job at a wrong time": (
        lambda ask, at: ask("ZADD", key(LINE), 5, raw(WAITING)),
        lambda at: [(FaultKind.WAITING_NOT_IN_LINE, WAITING)],
    ),
    "a running job still in a line": (
        lambda ask, at: ask("ZADD", key(LINE), 5, raw(RUNNING)),
        lambda at: [(FaultKind.LINE_WITHOUT_JOB, RUNNING)],
    ),
    "an ended job in a line": (
        lambda ask, at: ask("ZADD", key(LINE), 5, raw(ENDED)),
        lambda at: [(FaultKind.LINE_WITHOUT_JOB, ENDED)],
    ),
    "an unknown job in a line": (
        lambda ask, at: ask("ZADD", key(LINE), 5, raw(FREE)),
        lambda at: [(FaultKind.LINE_WITHOUT_JOB, FREE)],
    ),
    "a waiting job in another line too": (
        lambda ask, at: ask("ZADD", key("w:9||default"), 5, raw(WAITING)),
        lambda at: [(FaultKind.LINE_WITHOUT_JOB, WAITING), (FaultKind.INDEX, "w:9||default")],
    ),
    "a permit of a job that does not run": (
        lambda ask, at: ask("SADD", key("b:bucket"), raw(WAITING)),
        lambda at: [(FaultKind.PERMIT_WITHOUT_RUN, WAITING)],
    ),
    "a parked job that is not held back": (
        lambda ask, at: [
            ask("ZADD", key("p:6:bucket:50||default"), 5, raw(WAITING)),
            ask("SADD", key("parks"), "6:bucket:50||default"),
            ask("ZADD", key("i:bucket"), -50, "50||default"),
        ],
        lambda at: [(FaultKind.LINE_WITHOUT_JOB, WAITING)],
    ),
    "a line that its queue does not list": (
        lambda ask, at: ask("DEL", key("q:default")),
        lambda at: [(FaultKind.INDEX, LINE)],
    ),
    "a queue that is not listed": (
        lambda ask, at: ask("DEL", key("queues")),
        lambda at: [(FaultKind.INDEX, LINE)],
    ),
    "a line at a wrong place of its queue": (
        lambda ask, at: ask("ZADD", key("q:default"), 7, "50||"),
        lambda at: [(FaultKind.INDEX, "q:default")],
    ),
    "a group of leases that is gone": (
        lambda ask, at: ask("DEL", key("l:" + at)),
        lambda at: [
            (FaultKind.RUNNING_WITHOUT_LEASE, RUNNING),
            (FaultKind.LEASE_WITHOUT_JOB, "leases." + at),
            (FaultKind.COUNT, "running." + at),
        ],
    ),
    "a group of leases that no reaper would find": (
        lambda ask, at: ask("DEL", key("leases")),
        lambda at: [(FaultKind.RUNNING_WITHOUT_LEASE, "leases." + at)],
    ),
    "a group of leases that nobody has": (
        lambda ask, at: ask("SET", key("l:77"), raw(ENDED)),
        lambda at: [(FaultKind.LEASE_WITHOUT_JOB, "l:77")],
    ),
    "runs counted wrong": (
        lambda ask, at: ask("HSET", key("running"), at, 3),
        lambda at: [(FaultKind.COUNT, "running." + at)],
    ),
    "runs not counted": (
        lambda ask, at: ask("DEL", key("running")),
        lambda at: [(FaultKind.COUNT, "running." + at)],
    ),
    "an ended job that never leaves": (
        lambda ask, at: ask("ZREM", key("ended"), raw(ENDED)),
        lambda at: [(FaultKind.ENDED_NOT_EXPIRING, ENDED)],
    ),
    "an ended job that leaves at a wrong time": (
        lambda ask, at: ask("ZADD", key("ended"), 5, raw(ENDED)),
        lambda at: [(FaultKind.ENDED_NOT_EXPIRING, ENDED)],
    ),
    "a running job entered to leave": (
        lambda ask, at: ask("ZADD", key("ended"), 5, raw(RUNNING)),
        lambda at: [(FaultKind.EXPIRY_WITHOUT_JOB, RUNNING)],
    ),
    "an unknown job entered to leave": (
        lambda ask, at: ask("ZADD", key("ended"), 5, raw(FREE)),
        lambda at: [(FaultKind.EXPIRY_WITHOUT_JOB, FREE)],
    ),
    "a live job without its key": (
        lambda ask, at: ask("DEL", key("u:waits")),
        lambda at: [(FaultKind.HOLDER_WITHOUT_KEY, WAITING)],
    ),
    "a key of an unknown job": (
        lambda ask, at: ask("SET", key("u:nobody"), raw(FREE)),
        lambda at: [(FaultKind.KEY_WITHOUT_HOLDER, "nobody")],
    ),
    "a key of an ended job": (
        lambda ask, at: ask("SET", key("u:ended"), raw(ENDED)),
        lambda at: [(FaultKind.KEY_WITHOUT_HOLDER, "ended")],
    ),
    "a key in the name of another live job": (
        lambda ask, at: ask("SET", key("u:waits"), raw(RUNNING)),
        lambda at: [(FaultKind.HOLDER_WITHOUT_KEY, WAITING), (FaultKind.KEY_WITHOUT_HOLDER, "waits")],
    ),
    "a log of an unknown job": (
        lambda ask, at: ask("ZADD", key("g:", FREE), 3, "x"),
        lambda at: [(FaultKind.LOG_WITHOUT_JOB, FREE)],
    ),
    "a log of a job that has none": (
        lambda ask, at: ask("ZADD", key("t:", WAITING), 3, "x"),
        lambda at: [(FaultKind.LOG_WITHOUT_JOB, WAITING)],
    ),
    "a log that is lost": (
        lambda ask, at: ask("DEL", key("t:", RUNNING)),
        lambda at: [(FaultKind.INDEX, RUNNING)],
    ),
    "a log entry above the next one": (
        lambda ask, at: ask("ZADD", key("g:", RUNNING), 9, "x"),
        lambda at: [(FaultKind.COUNT, RUNNING)],
    ),
    "a small record that is not listed": (
        lambda ask, at: ask("DEL", key("k:kind")),
        lambda at: [(FaultKind.INDEX, "r:kind:a")],
    ),
    "a card of nobody": (
        lambda ask, at: ask("HSET", key("cards"), "w9", "x"),
        lambda at: [(FaultKind.INDEX, "cards.w9")],
    ),
    "a worker without a card": (
        lambda ask, at: ask("ZADD", key("seen"), 5, "w9"),
        lambda at: [(FaultKind.INDEX, "seen.w9")],
    ),
    "what is left of a held claim": (
        lambda ask, at: ask("ZADD", key("h:default"), 5, "x"),
        lambda at: [(FaultKind.INDEX, "h:default")],
    ),
    "a total too high": (
        lambda ask, at: ask("HSET", key("totals"), "completed", 5),
        lambda at: [(FaultKind.COUNT, "totals.completed")],
    ),
    "a total that is gone": (
        lambda ask, at: ask("DEL", key("totals")),
        lambda at: [(FaultKind.COUNT, "totals.completed")],
    ),
}


@pytest.mark.parametrize("how", BROKEN)
async def test_what_was_broken_is_found_and_repaired(
    store: RedisBackend, ask: Ask, clock: ManualClock, how: str
) -> None:
    # Given a store with one entry broken by hand
    at = instant(ask)
    damage, expected = BROKEN[how]
    damage(ask, at)
    # When it is audited, with repair in the end
    # Then exactly that is found and mended, and every job comes to its end
    clock.advance(20)
    await mended(store, *expected(at))


@pytest.mark.parametrize(
    "name", [LINE, "q:default", "queues", "leases", "running", "ended", "u:waits", "cards", "seen"]
)
async def test_a_key_of_a_wrong_type_is_made_anew(store: RedisBackend, ask: Ask, clock: ManualClock, name: str) -> None:
    # Given a key that holds another type of value
    ask("DEL", key(name))
    ask("RPUSH", key(name), "x")
    # When it is audited, then that alone is told
    assert [(fault.kind, fault.id) for fault in await store.audit()] == [(FaultKind.WRONG_TYPE, name)]
    # And a repair makes it anew of the records, and every job comes to its end
    clock.advance(20)
    faults = await store.audit(repair=True)
    assert all(fault.repaired for fault in faults)
    assert await store.audit() == []
    await serves(store)


async def test_a_group_of_leases_of_a_wrong_type_gives_its_jobs_back(
    store: RedisBackend, ask: Ask, clock: ManualClock
) -> None:
    at = instant(ask)
    ask("DEL", key("l:" + at))
    ask("RPUSH", key("l:" + at), "x")
    assert [(fault.kind, fault.id) for fault in await store.audit()] == [(FaultKind.WRONG_TYPE, "l:" + at)]
    clock.advance(20)
    await store.audit(repair=True)
    assert [job.id for job in await store.reclaim(10, LEASE)] == [RUNNING]
    assert await store.audit() == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [("z:what", FaultKind.UNDECLARED), ("j:short", FaultKind.UNDECLARED), ("r:kind:b", FaultKind.UNREADABLE)],
)
async def test_what_cannot_be_judged_is_told_and_stays(
    store: RedisBackend, ask: Ask, name: str, kind: FaultKind
) -> None:
    # Given a key that nothing declares, or whose value makes no sense
    ask("SET", key(name), "x")
    # When the store is repaired, then it is told and left
    faults = await store.audit(repair=True)
    assert [(fault.kind, fault.id, fault.repaired) for fault in faults] == [(kind, name, False)]
    assert ask("GET", key(name)) == b"x"


@pytest.mark.parametrize("value", [b"", b"x", b"\xab" + b"\xff" * 12, b"\xad" * 200, b"\xae\x30" + b"\x01" * 60])
@pytest.mark.parametrize("id", [WAITING, RUNNING, ENDED])
async def test_a_record_that_cannot_be_read_is_told_and_left_as_evidence(
    store: RedisBackend, ask: Ask, id: str, value: bytes
) -> None:
    # Given a record overwritten by hand
    ask("SET", key("j:", id), value)
    # When the store is repaired
    faults = await store.audit(repair=True)
    # Then the record is told, its places stay, and it is as it was
    told = [(fault.kind, fault.id, fault.repaired) for fault in faults]
    assert (FaultKind.UNREADABLE, id, False) in told
    assert {kind for kind, *_ in told} <= {FaultKind.UNREADABLE, FaultKind.LOG_WITHOUT_JOB}
    assert ask("GET", key("j:", id)) == value


async def test_an_audit_looks_at_no_other_store(redis_url: str, store: RedisBackend, ask: Ask) -> None:
    # Given another store in the same database, damaged, and a key of somebody else
    other = from_url(f"{redis_url}?prefix=abaca2", None)
    await other.open()
    await fill(other)
    ask("DEL", b"abaca2:{00}:w:50||default")
    ask("SET", "elsewhere", "x")
    # When this one is repaired, then nothing is found and the other stays as it is
    assert await store.audit(repair=True) == []
    assert len(await other.audit()) == 1
    await other.close()


async def test_late_words_about_a_record_that_is_gone_leave_nothing(store: RedisBackend, ask: Ask) -> None:
    # Given a running job whose record is deleted behind the store's back, and nothing left of it
    ask("DEL", key("j:", RUNNING))
    await store.audit(repair=True)
    before = sorted(ask("KEYS", "*"))
    # When its worker, a client and an operator speak of it
    late = Settle(id=RUNNING, epoch=1, to=DONE)
    assert (await store.exchange([late], None, LEASE)).verdicts == [Verdict.STALE]
    assert await store.append([NewUpdate(id=RUNNING, epoch=1, seq=2, kind=Kind.PROGRESS)]) == [Verdict.STALE]
    (pulse,) = await store.beat(None, [Beat(id=RUNNING, epoch=1)], LEASE)
    assert not pulse.alive
    assert [answer.name for answer in await store.cancel([RUNNING])] == ["UNKNOWN"]
    assert await store.requeue([(RUNNING, 1)]) == [Requeued.UNKNOWN]
    assert await store.amend([Change(id=RUNNING, priority=1)]) == [Amended.UNKNOWN]
    assert await store.get([RUNNING]) == [None]
    # Then no key has come of it, and the others live
    assert sorted(ask("KEYS", "*")) == before
    assert await store.audit() == []
    assert (await fetch(store, WAITING)).state is State.WAITING
