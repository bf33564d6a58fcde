"""Who takes part, in which environment, in what, and how the harness counts the jobs that a contender has finished."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Store = Literal["redis", "sqlite"]
Home = Literal["own", "peer", "node"]


@dataclass(frozen=True)
class Probe:
    """A cheap question to the store: either how many results are there, or how many jobs have none yet."""

    queries: tuple[str, ...]
    """Redis commands whose numbers are added up, or one SQL query."""
    counts: Literal["done", "left"]


@dataclass(frozen=True)
class Contender:
    name: str
    module: str
    store: Store
    probe: Probe
    workloads: tuple[str, ...]
    packages: tuple[str, ...]
    """Whose versions are printed."""
    home: Home = "own"
    venv: str = ""
    scale: float = 1.0
    """The share of the jobs that a slow contender gets, so that a run ends in time."""
    variant: str = ""
    note: str = ""


ENQUEUE = ("enqueue_one", "enqueue_flight")
BULK = ("enqueue_bulk",)
DRAIN = ("drain_1", "drain_2")
WAIT = ("wait_idle", "wait_flight")
REDIS = (*ENQUEUE, *BULK, *DRAIN, *WAIT, "bytes", "threads")
FLOW = ("drain_keyed", "drain_limited", "drain_tenants10", "drain_tenants1000")
"""What a job costs that uses a feature, to be held against ``drain_1``."""
REDIS_PEER = (*ENQUEUE, *DRAIN, *WAIT, "bytes")
SQLITE = ("drain_1", "enqueue_one", "enqueue_bulk")
ABACA_SQLITE = (*SQLITE, "enqueue_flight", "drain_2", "wait_idle", "flat", *FLOW)
DBSIZE = Probe(("DBSIZE",), "done")
ABACA_TOTALS = Probe(("SELECT sum(jobs) FROM totals",), "done")
HUEY_ROWS = Probe(("SELECT count(*) FROM kv",), "done")

FLOORS = {"redis": "floor", "sqlite": "floor_sqlite"}

CONTENDERS = (
    Contender("floor", "floor", "redis", DBSIZE, REDIS, ("redis", "hiredis", "uvloop"), note="hand-written loop"),
    Contender(
        "abaca",
        "abaca_redis",
        "redis",
        Probe(("ZCARD abaca:{00}:ended",), "done"),
        (*REDIS, "drain_own", "flat", *FLOW),
        ("abaca", "redis", "hiredis", "uvloop", "msgspec"),
    ),
    Contender(
        "floor_sqlite",
        "floor_sqlite",
        "sqlite",
        Probe(("SELECT count(*) FROM result",), "done"),
        SQLITE,
        (),
        note="hand-written loop, WAL, NORMAL",
    ),
    Contender(
        "abaca_sqlite_normal",
        "abaca_sqlite",
        "sqlite",
        ABACA_TOTALS,
        ABACA_SQLITE,
        ("abaca", "apsw", "uvloop", "msgspec"),
        variant="normal",
        note="WAL, NORMAL",
    ),
    Contender(
        "abaca_sqlite_full",
        "abaca_sqlite",
        "sqlite",
        ABACA_TOTALS,
        ABACA_SQLITE,
        ("abaca", "apsw", "uvloop", "msgspec"),
        variant="full",
        note="WAL, FULL: the default",
    ),
    Contender(
        "bullmq",
        "peer_bullmq.cjs",
        "redis",
        Probe(("ZCARD bull:bench:completed",), "done"),
        (*ENQUEUE, *BULK, *DRAIN, *WAIT, "bytes"),
        ("bullmq", "ioredis"),
        home="node",
        scale=0.5,
        note="node, concurrency 100",
    ),
    Contender(
        "saq",
        "peer_saq",
        "redis",
        Probe(("ZCARD saq:bench:incomplete",), "left"),
        (*REDIS_PEER, "threads"),
        ("saq", "redis", "hiredis", "uvloop"),
        home="peer",
        venv="saq",
        scale=0.1,
        note="uvloop, orjson",
    ),
    Contender(
        "arq",
        "peer_arq",
        "redis",
        Probe(("ZCARD arq:queue",), "left"),
        REDIS_PEER,
        ("arq", "redis", "hiredis", "uvloop"),
        home="peer",
        venv="arq",
        scale=0.1,
        note="uvloop",
    ),
    Contender(
        "dramatiq",
        "peer_dramatiq",
        "redis",
        Probe(("HLEN dramatiq:bench.msgs",), "left"),
        (*REDIS_PEER, "threads"),
        ("dramatiq", "redis", "hiredis"),
        home="peer",
        venv="dramatiq",
        scale=0.1,
        note="two threads, deep prefetch",
    ),
    Contender(
        "huey",
        "peer_huey",
        "redis",
        Probe(("HLEN huey.results.bench",), "done"),
        (*REDIS_PEER, "threads"),
        ("huey", "redis", "hiredis"),
        home="peer",
        venv="huey",
        scale=0.1,
        note="at most once",
    ),
    Contender(
        "taskiq",
        "peer_taskiq",
        "redis",
        DBSIZE,
        (*REDIS_PEER, "threads"),
        ("taskiq", "taskiq-redis", "redis", "hiredis", "uvloop"),
        home="peer",
        venv="taskiq",
        scale=0.1,
        note="stream broker",
    ),
    Contender(
        "celery",
        "peer_celery",
        "redis",
        DBSIZE,
        (*REDIS_PEER, "threads"),
        ("celery", "kombu", "redis", "hiredis"),
        home="peer",
        venv="celery",
        scale=0.05,
        note="solo pool",
    ),
    Contender(
        "rq",
        "peer_rq",
        "redis",
        Probe(("ZCARD rq:finished:bench",), "done"),
        (*REDIS_PEER, *BULK),
        ("rq", "redis", "hiredis"),
        home="peer",
        venv="rq",
        scale=0.05,
        note="SimpleWorker, no fork per job",
    ),
    Contender(
        "huey_sqlite",
        "peer_huey_sqlite",
        "sqlite",
        HUEY_ROWS,
        (*DRAIN, "enqueue_one"),
        ("huey",),
        home="peer",
        venv="huey",
        scale=0.1,
        variant="default",
        note="WAL, fsync as Huey sets it: SQLite's FULL",
    ),
    Contender(
        "huey_sqlite_nofsync",
        "peer_huey_sqlite",
        "sqlite",
        HUEY_ROWS,
        (*DRAIN, "enqueue_one"),
        ("huey",),
        home="peer",
        venv="huey",
        scale=0.1,
        variant="nofsync",
        note="WAL, fsync=False",
    ),
    Contender(
        "litequeue",
        "peer_litequeue",
        "sqlite",
        Probe(("SELECT count(*) FROM bench WHERE status = 2",), "done"),
        SQLITE,
        ("litequeue",),
        home="peer",
        venv="litequeue",
        scale=0.1,
        note="WAL, NORMAL; no results",
    ),
)
