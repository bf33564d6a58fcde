"""What the Redis store keeps of deadlines, tenants, aging and limits of tasks, broken by hand: an audit mends it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import redis

from abaca.backends.redis import RedisBackend, from_url
from abaca.model import BUCKET, FaultKind, Record, task_bucket
from abaca.testing import ManualClock
from abaca.testing.conformance.making import claim_one, complete, insert, job_id, make, settle
from tests.hostile.damage import FREE, fill, mended
from tests.servers import RedisServer

pytestmark = pytest.mark.damages

BASE = b"abaca:{00}:"
DATED, OF_X, OF_Y = job_id(20), job_id(21), job_id(22)
Ask = Callable[..., Any]


def key(name: str) -> bytes:
    return BASE + name.encode()


def raw(id: str) -> bytes:
    return bytes.fromhex(id)


@pytest.fixture
def ask(redis_server: RedisServer) -> Iterator[Ask]:
    with redis.Redis(host="127.0.0.1", port=redis_server.port) as client:
        yield client.execute_command


@pytest.fixture
async def store(redis_url: str, clock: ManualClock) -> AsyncIterator[RedisBackend]:
    """Beside the usual jobs one with a deadline and one of each of two tenants, of which x had a turn and y none."""
    backend = from_url(redis_url, clock)
    await backend.open()
    await insert(backend, make(23, tenant="x"), make(22, tenant="y"))
    await settle(backend, complete(await claim_one(backend)), complete(await claim_one(backend)))
    await fill(backend)
    await insert(backend, make(21, tenant="x"), make(24, tenant="y"), make(20, start_within_ms=5000))
    await backend.put([Record(kind=BUCKET, id=task_bucket("work"), data=b'{"bucket":"","concurrency":50}')])
    yield backend
    await backend.close()


def line_of(tenant: str) -> str:
    return f"n:1:{tenant}:50||default"


Names = list[tuple[FaultKind, str]]

BROKEN: dict[str, tuple[Callable[[Ask], object], Names]] = {
    "a tenant's job out of the line of all": (
        lambda ask: ask("ZREM", key("m:50||default"), raw(OF_X) + b"x"),
        [(FaultKind.WAITING_NOT_IN_LINE, OF_X)],
    ),
    "an unknown job in the line of all": (
        lambda ask: ask("ZADD", key("m:50||default"), 5, raw(FREE) + b"x"),
        [(FaultKind.LINE_WITHOUT_JOB, FREE)],
    ),
    "a job in the line of another tenant": (
        lambda ask: ask("ZADD", key("n:1:z:50||default"), 5, raw(OF_X)),
        [
            (FaultKind.LINE_WITHOUT_JOB, OF_X),
            (FaultKind.INDEX, "n:1:z:50||default"),
            (FaultKind.COUNT, "y:50|default"),
        ],
    ),
    "a count of a tenant's jobs": (
        lambda ask: ask("HSET", key("y:50|default"), "=x", 7),
        [(FaultKind.COUNT, "y:50|default")],
    ),
    "a count of a tenant that has no jobs": (
        lambda ask: ask("HSET", key("y:50|default"), "=z", 1),
        [(FaultKind.COUNT, "y:50|default")],
    ),
    "no counts": (
        lambda ask: ask("DEL", key("y:50|default")),
        [(FaultKind.COUNT, "y:50|default")],
    ),
    "passes without a time": (
        lambda ask: [ask("DEL", key("o:50|default")), ask("ZADD", key("o:50|default"), 5, "=z")],
        [(FaultKind.INDEX, "o:50|default")],
    ),
    "a job with a deadline out of the line of deadlines": (
        lambda ask: ask("ZREM", key("e:50||default"), raw(DATED)),
        [(FaultKind.WAITING_NOT_IN_LINE, DATED)],
    ),
    "a job with a deadline that nobody would see due": (
        lambda ask: ask("ZREM", key("d:50||default"), raw(DATED)),
        [(FaultKind.WAITING_NOT_IN_LINE, DATED)],
    ),
    "an unknown job in the line of deadlines": (
        lambda ask: ask("ZADD", key("e:50||default"), 5, raw(FREE)),
        [(FaultKind.LINE_WITHOUT_JOB, FREE)],
    ),
    "a line of deadlines that its queue does not list": (
        lambda ask: ask("ZREM", key("q:default"), "50||d"),
        [(FaultKind.INDEX, "d:50||default")],
    ),
    "a count of claims that is none": (
        lambda ask: ask("HSET", key("claims"), "default", "x"),
        [(FaultKind.COUNT, "claims.default")],
    ),
    "a task that is not listed": (
        lambda ask: ask("DEL", key("tasks")),
        [(FaultKind.INDEX, "r:bucket:jobs-of:work")],
    ),
}


@pytest.mark.parametrize("how", BROKEN)
async def test_what_was_broken_is_found_and_repaired(
    store: RedisBackend, ask: Ask, clock: ManualClock, how: str
) -> None:
    # Given a store with one entry broken by hand
    damage, expected = BROKEN[how]
    damage(ask)
    # When it is audited, with repair in the end
    # Then exactly that is found and mended, and every job comes to its end
    clock.advance(20)
    await mended(store, *expected)


@pytest.mark.parametrize("family", ["f:", "a:"])
async def test_fronts_of_tenants_are_made_anew(store: RedisBackend, ask: Ask, clock: ManualClock, family: str) -> None:
    # Given that it was lost what stands in front of the lines of some tenants
    names = [name for name in ask("KEYS", "*") if name == key(f"{family}50||default")]
    for name in names:
        ask("DEL", name)
    # When the store is repaired, then each of these tenants is told, and comes again
    clock.advance(20)
    faults = await store.audit(repair=True)
    assert {fault.kind for fault in faults} <= {FaultKind.INDEX}
    assert {fault.id for fault in faults} <= {line_of("x"), line_of("y")}
    assert len(faults) > 0 or not names
    assert await store.audit() == []


@pytest.mark.parametrize(
    "name",
    ["m:50||default", "d:50||default", "e:50||default", "f:50||default", "a:50||default", "o:50|default",
     "y:50|default", "claims", "tasks", line_of("x")],
)  # fmt: skip
async def test_a_key_of_a_wrong_type_is_made_anew(store: RedisBackend, ask: Ask, clock: ManualClock, name: str) -> None:
    # Given a key that holds another type of value
    ask("DEL", key(name))
    ask("RPUSH", key(name), "x")
    # When it is audited, then that is told
    assert (FaultKind.WRONG_TYPE, name) in [(fault.kind, fault.id) for fault in await store.audit()]
    # And a repair makes it anew, and every job comes to its end
    clock.advance(20)
    await store.audit(repair=True)
    await store.audit(repair=True)
    assert await store.audit() == []
