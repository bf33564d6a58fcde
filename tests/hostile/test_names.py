"""Names from outside: refused by a strict pattern, or safe on every store. RELIABILITY H7 and H15."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from abaca import App, ConfigError, Record, Status
from abaca.backend import Backend
from abaca.backends import open_backend
from abaca.codec import encode_untyped, new_id
from abaca.model import Card, Inserted, Lease, NewJob, Query, Settle, State, Transition, Verdict, Want
from tests.worker.harness import Stage

LEASE = Lease(worker="w", ms=60_000)

STRANGE = [
    "*",
    "a*b?[c-d]",
    "%",
    "_",
    "a_b%",
    "{a}",
    "}{",
    "{}{",
    "a:b",
    "a b",
    "a\n\r\tb",
    "\x1b[31m\x07",
    "'; DROP TABLE jobs; --",
    '"\\',
    "../../etc/passwd",
    "%s%n{0.__class__}",
    "\u202egnp.exe",
    "caf\u00e9",
    "cafe\u0301",
    "\U0010ffff",
    "null",
    "0",
    "-1",
    "A",
    "a",
]
"""Globs of Redis, wildcards of SQL, hash tags, separators, controls, quotes, two spellings of one word."""

TOO_LONG = "x" * 10_000
NEVER_A_NAME = ["", "a b", "a*", "{a}", "a\n", "a\x00", "\u00e4", "\u0660", "../a", "\ud800", TOO_LONG, "a" * 129]
EXECUTABLE = ["os.system", "__import__", "a.b.__class__", "builtins.eval", "abaca.app.App", "../x:app", "__class__"]


@pytest.fixture
async def app(store_url: str) -> AsyncIterator[App]:
    async with App(store_url) as app:
        yield app


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Backend]:
    store = open_backend(store_url)
    await store.open()
    yield store
    await store.close()


@pytest.mark.parametrize("name", NEVER_A_NAME)
async def test_a_name_outside_the_pattern_is_refused_with_its_option(name: str) -> None:
    """Queues, tasks, workers and record kinds: what becomes part of keys, tables of counts and logs."""
    app = App("memory://")

    @app.task
    async def task() -> None: ...

    async def by_name() -> None:
        await app.enqueue_by_name(name, pool="async")

    places: dict[str, Callable[[], object]] = {
        "queue": lambda: task.opts(queue=name),
        "task name": lambda: app.task(name=name)(print_nothing),
        "queues": lambda: app.worker(queues=[name]),
        "worker name": lambda: app.worker(name=name or " "),
        r"App\(name=\)": lambda: App("memory://", name=name),
    }
    for what, attempt in places.items():
        with pytest.raises(ConfigError, match=what) as refused:
            attempt()
        assert len(str(refused.value)) < 400
    with pytest.raises(ConfigError, match="task name"):
        await by_name()
    with pytest.raises(ConfigError, match="record kind"):
        await app.records.put([Record(kind=name, id="x", data=b"1")])


@pytest.mark.parametrize(
    ("value", "limit"), [("", 128), ("a\x00b", 128), ("\ud800", 128), ("x" * 129, 128), ("\u00e4" * 65, 128), (7, 128)]
)
def test_a_text_that_no_store_holds_is_refused_with_its_option(value: str, limit: int) -> None:
    task = App("memory://").task(print_nothing)
    for option in ("owner", "tenant"):
        with pytest.raises(ConfigError, match=option):
            task.opts(**{option: value})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="tags"):
        task.opts(tags=[value])
    with pytest.raises(ConfigError, match="key"):
        task.opts(key=value * 5)


async def print_nothing(n: int) -> int:
    return n


async def test_keys_tags_owners_and_tenants_may_be_any_text(app: App) -> None:
    """None of them is a pattern, and none is mistaken for another."""
    task = app.task(print_nothing)
    # Given a job for each strange text, which it has as key, tag, owner and tenant
    jobs = {
        text: await task.opts(key=text, tags=[text], owner=text, tenant=text).enqueue(n)
        for n, text in enumerate(STRANGE)
    }
    assert len({job.id for job in jobs.values()}) == len(STRANGE)
    for text, job in jobs.items():
        # When it is looked for by one of them, then it alone is found
        for query in (Query(key=text), Query(tag=text), Query(owner=text), Query(tenant=text)):
            assert [found.id for found in (await app.find(query)).jobs] == [job.id], text
        spec = (await job.info()).spec
        assert (spec.key, spec.tags, spec.owner, spec.tenant) == (text, (text,), text, text)
        # And its key is held by it alone
        assert (await task.opts(key=text).enqueue(0)).id == job.id
    # When all have run, then every key is free again
    async with app.worker(concurrency=5):
        for job in jobs.values():
            await job.result(timeout=20)
    for text, job in jobs.items():
        assert (await task.opts(key=text, delay=60).enqueue(0)).id != job.id


async def test_a_text_search_knows_no_wildcards(app: App) -> None:
    # Given a job whose arguments hold none of these
    task = app.task(print_nothing)
    job = await task.enqueue(7)
    for text in ("*", "%", "_", "?", "[0-9]", "\\", "'", "{}"):
        if text != "_":  # the task's name has one
            assert (await app.find(Query(text=text))).jobs == [], text
    # Then only what is there is found
    assert [found.id for found in (await app.find(Query(text="print_n"))).jobs] == [job.id]


async def test_ids_of_records_may_be_any_text(app: App) -> None:
    put = [Record(kind="strange", id=text, data=text.encode()) for text in STRANGE]
    assert await app.records.put(put) == [Verdict.APPLIED] * len(put)
    # Each is read as it was written, and a scan has each once, in order
    read = await app.records.read("strange", STRANGE)
    assert [record and (record.id, record.data) for record in read] == [(text, text.encode()) for text in STRANGE]
    scanned = await app.records.scan("strange", limit=1000)
    assert [record.id for record in scanned] == sorted(STRANGE, key=str.encode)
    assert await app.records.scan("strang") == []


@pytest.mark.parametrize("id", ["", "a\x00b", "\ud800", "x" * 10_000])
async def test_an_id_of_a_record_that_no_store_holds_is_refused(app: App, id: str) -> None:
    with pytest.raises(ConfigError, match="record id"):
        await app.records.put([Record(kind="strange", id=id, data=b"1")])
    assert await app.records.scan("strange") == []


async def test_a_client_that_passes_the_face_by_harms_only_its_own_job(store: Backend) -> None:
    """Whoever can write into the store need not use our checks. Strange queues, tasks and lanes stay apart."""
    # Given a job in each strange queue, by a strange task
    jobs = {text: NewJob(id=new_id(), task=text, queue=text, lane="async") for text in STRANGE}
    receipts = await store.insert(list(jobs.values()))
    assert {receipt.outcome for receipt in receipts} == {Inserted.INSERTED}
    # When each queue is served, then exactly its own job comes, as it was
    for text, job in jobs.items():
        got = (await store.exchange([], Want(queues=(text,), slots={"async": 10}), LEASE)).jobs
        assert [(one.id, one.spec.task, one.spec.queue) for one in got] == [(job.id, text, text)], text
        to = Transition(target=State.COMPLETED, attempts=1, result=b"1", keep_ms=60_000)
        done = Settle(id=job.id, epoch=got[0].epoch, to=to)
        assert (await store.exchange([done], None, LEASE)).verdicts == [Verdict.APPLIED]
    # And a worker with a strange card is in the registry as it is
    await store.beat(Card(id="\x1b[2J\n*", name="\r\nfake", queues=tuple(STRANGE)), [], LEASE)
    cards = [card for card in (await store.stats()).workers if card.id == "\x1b[2J\n*"]
    assert [(card.name, card.queues) for card in cards] == [("\r\nfake", tuple(STRANGE))]


@pytest.mark.parametrize("pool", ["async", "thread", "process"])
async def test_a_tasks_name_is_looked_up_in_the_registry_and_nowhere_else(
    stage: Stage, pool: str, tmp_path: Path
) -> None:
    # Given jobs that would run code if their names were imported or evaluated
    mark = tmp_path / "mark"
    args = encode_untyped("x", {"command": f"touch {mark}", "name": "os"})
    ids = [await stage.submit(name, lane=pool, args=args) for name in EXECUTABLE]
    # When a worker has claimed each
    async with stage.worker(concurrency=20):
        jobs = [await stage.until(id, lambda job: job.epoch > 0 and job.state is State.WAITING) for id in ids]
    # Then they are given back uncharged like any unknown task, and nothing ran
    assert {(job.status, job.attempts, job.losses) for job in jobs} == {(Status.SCHEDULED, 0, 0)}
    assert not mark.exists()
