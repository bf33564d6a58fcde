"""Right uses. A checker that finds fault with any line is a failure."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

from abaca import (
    App,
    Call,
    Chain,
    Ctx,
    Exponential,
    Group,
    GroupHandle,
    JobHandle,
    JobResult,
    Node,
    Retry,
    Status,
    StreamHandle,
    StreamTask,
    Task,
    Update,
    When,
    Workflow,
    WorkflowHandle,
    WorkflowProgress,
    all_of,
    chain,
    group,
    maybe,
)

app = App("memory://")


@dataclass
class Document:
    pages: list[str]


@dataclass
class Report:
    size: int


@app.task(queue="reports", retry=Retry(max_attempts=5, on=(OSError,)), timeout=60, priority="high")
async def render(ctx: Ctx, doc: Document, dpi: int = 150) -> Report:
    ctx.progress(1, len(doc.pages), stage="render", message="first")
    ctx.log.info("rendering", dpi=dpi)
    return Report(size=dpi)


@app.task
async def plain(doc: Document, *, dpi: int = 150) -> Report:
    return Report(size=dpi)


@app.task
def with_ctx(ctx: Ctx, n: int) -> int:
    ctx.raise_if_cancelled()
    return n


@app.task(pool="process", retry=Retry(backoff=Exponential(base=1)), keep={"completed": 0, "failed": "7d"})
def crunch(n: int) -> int:
    return n


@app.task
def variadic(first: str, *rest: int, **named: float) -> None: ...


async def enqueuing(doc: Document) -> None:
    job = await render.enqueue(doc, dpi=300)
    assert_type(job, JobHandle[Report])
    assert_type(await job.result(timeout=30), Report)
    assert_type(await render.run(doc), Report)
    assert_type(await plain.run(doc, dpi=3), Report)
    assert_type(await with_ctx.enqueue(3), JobHandle[int])
    assert_type(await crunch.run(n=3), int)
    await variadic.enqueue("a", 1, 2, x=1.5)
    assert_type(render.call(doc), Call[Report])
    assert_type(await app.enqueue_many(render.call(doc) for _ in range(3)), list[JobHandle[Report]])
    mixed: list[Call[object]] = [render.call(doc), crunch.call(3)]
    assert_type(await app.enqueue_many(mixed), list[JobHandle[object]])
    assert_type(await app.enqueue_by_name("render", {"doc": {}}, delay=3, tags=["x"]), JobHandle[Any])


async def options(doc: Document) -> None:
    later = render.opts(delay=60, key="doc-7", priority=90, tags=["x"])
    assert_type(await later.enqueue(doc), JobHandle[Report])
    await render.opts(run_at=datetime.now(UTC), timeout=timedelta(minutes=1), keep="2h", owner="me").enqueue(doc, 3)
    assert_type(await crunch.opts(wait=30, cancel_on_timeout=True).run(3), int)


async def handles() -> None:
    job = render.job("0" * 32)
    assert_type(job, JobHandle[Report])
    assert_type(app.job("0" * 32), JobHandle[Any])
    assert_type(app.job("0" * 32).typed(Report), JobHandle[Report])
    outcome = await job.outcome()
    assert_type(outcome, JobResult[Report])
    assert_type(outcome.value, Report | None)
    assert_type(await job.peek(), JobResult[Report] | None)
    assert_type(await job.status(), Status)
    async for update in job.updates(after=3):
        assert_type(update, Update)


def sync(doc: Document) -> None:
    job = render.enqueue_sync(doc, dpi=3)
    assert_type(job, JobHandle[Report])
    assert_type(job.result_sync(5), Report)
    assert_type(job.peek_sync(), JobResult[Report] | None)
    assert_type(crunch.run_sync(10), int)
    assert_type(crunch.opts(delay=3).run_sync(10), int)
    assert_type(app.enqueue_many_sync([crunch.call(3)]), list[JobHandle[int]])
    for update in job.updates_sync():
        assert_type(update, Update)


async def ordinary_calls(ctx: Ctx, doc: Document) -> None:
    assert_type(await render(ctx, doc, dpi=3), Report)
    assert_type(await plain(doc, dpi=3), Report)
    assert_type(with_ctx(ctx, 3), int)
    assert_type(crunch(3), int)
    function: Callable[[Ctx, Document], Coroutine[Any, Any, Report]] = render
    await function(ctx, doc)


def passing_on(task: Task[[int], int], wider: JobHandle[object]) -> None:
    task.run_sync(3)


async def covariance() -> None:
    passing_on(crunch.opts(), await crunch.enqueue(3))


@app.task
async def measure(report: Report, scale: float = 1.0) -> float:
    return report.size * scale


@app.task
async def total(sizes: list[float]) -> int:
    return len(sizes)


@app.task
def tolerant(ctx: Ctx, sizes: Sequence[float | None]) -> int:
    return len(sizes)


@app.task
async def compare(left: Report, right: Report, label: str = "") -> bool:
    return left == right


@app.task
async def tell(size: int) -> None: ...


async def chains(doc: Document) -> None:
    made = chain(render.call(doc), measure)
    assert_type(made, Chain[float])
    assert_type(chain(crunch.call(1), with_ctx, crunch, with_ctx, crunch, tell), Chain[None])
    assert_type(chain(crunch.call(1), crunch.opts(delay=3)).then(tell), Chain[None])
    handle = await made.enqueue()
    assert_type(handle, WorkflowHandle[float])
    assert_type(await handle.result(timeout=3), float)
    assert_type(await made.run(), float)
    assert_type(made.run_sync("1m"), float)
    assert_type(await handle.status(), Status)
    assert_type(await handle.progress(), WorkflowProgress)
    async for job in handle.members():
        assert_type(job.id, str)
    assert_type(app.workflow(handle.id).typed(Report), WorkflowHandle[Report])


async def groups(docs: list[Document]) -> None:
    made = group(render.call(doc) for doc in docs)
    assert_type(made, Group[Report])
    handle = await made.enqueue()
    assert_type(handle, GroupHandle[Report])
    async for outcome in handle.results():
        assert_type(outcome, JobResult[Report])
    assert_type(await handle.page(0, 10), list[JobResult[Report] | None])
    assert_type(await made.run(), list[Report])
    sizes = group([measure.call(Report(size=1)), measure.call(Report(size=2))])
    assert_type(sizes.then(total), Chain[int])
    assert_type(sizes.then(tolerant, when="ended"), Chain[int])
    assert_type(sizes.then(total).then(tell), Chain[None])
    assert_type(app.group(handle.id).of(Report), GroupHandle[Report])


async def graphs(doc: Document) -> None:
    flow = Workflow("reports")
    left = flow.add(render.call(doc, dpi=72), name="left")
    right = flow.add(render, doc, 300, name="right").after(left)
    assert_type(left, Node[Report])
    same = flow.add(compare, left, right, given={"label": "both"})
    assert_type(same, Node[bool])
    flow.add(compare, left, Report(size=3))
    size = flow.add(measure, left)
    flow.add(total, all_of([size, flow.add(measure, right)]))
    flow.add(tolerant, all_of(maybe(each) for each in [size]))
    flow.add(tell.call(3)).after(same, size, when=When.FAILED)
    flow.add(tell.call(3)).after(same, when="ended")
    assert_type(await flow.enqueue(), WorkflowHandle[None])
    assert_type(flow.job(same), JobHandle[bool])


async def times_and_edges(doc: Document) -> None:
    first = await crunch.opts(tenant="acme", start_within=30, expires="5m").enqueue(3)
    await render.opts(after=first).enqueue(doc)
    await render.opts(after=[first, crunch.call(3)], when="ended").enqueue(doc)


def charge(who: str, cents: int = 5) -> Report:
    return Report(cents)


async def charge_async(who: str, *, cents: int) -> Report:
    return Report(cents)


@app.task
async def stepping(ctx: Ctx, doc: Document) -> str:
    assert_type(await ctx.step("one", charge, "ann", cents=3), Report)
    assert_type(await ctx.step(("two", 2), charge_async, "ann", cents=3), Report)
    assert_type(await ctx.opts(retry=Retry(max_attempts=3)).step("three", charge_async, "bob", cents=1), Report)
    assert_type(ctx.opts(retry=Retry()).step_sync("four", charge, "bob"), Report)
    assert_type(ctx.step_sync("five", len, "text"), int)
    assert_type(ctx.step_key("one"), str)
    await ctx.sleep("3d")
    await ctx.sleep(timedelta(days=1), name="a day")
    assert_type(await ctx.wait_event("paid", timeout="2d", type=Report), Report)
    assert_type(await ctx.wait_event("paid"), Any)
    assert_type(ctx.wait_event_sync("paid", type=int), int)
    assert_type(await ctx.emit(doc), int)
    assert_type(ctx.resume_from, int)
    return "done"


async def events(doc: Document) -> None:
    job = await stepping.enqueue(doc)
    assert_type(await app.send_event(job, "paid", Report(3)), bool)
    assert_type(await app.send_event(job.id, "paid", keep="1d"), bool)
    assert_type(await job.send_event("paid", 3), bool)
    assert_type(job.send_event_sync("paid"), bool)
    assert_type(app.send_event_sync(job, "paid"), bool)


@app.task
async def rows(ctx: Ctx, count: int) -> AsyncIterator[Report]:
    for n in range(ctx.resume_from, count):
        yield Report(n)


@app.task(queue="lines", pool="process")
def lines(ctx: Ctx, path: str) -> Iterator[str]:
    yield path


@app.task
async def letters(text: str) -> AsyncIterator[str]:
    for letter in text:
        yield letter


@app.task
def numbers(count: int) -> Iterator[int]:
    yield from range(count)


async def streams(ctx: Ctx) -> None:
    job = await rows.enqueue(3)
    assert_type(job, StreamHandle[Report])
    async for row in job.items(after=5):
        assert_type(row, Report)
    assert_type(await job.result(), int)
    assert_type(await rows.run(3), int)
    assert_type(await rows.opts(delay=3).enqueue(3), StreamHandle[Report])
    assert_type(await lines.enqueue("a"), StreamHandle[str])
    assert_type(await letters.enqueue(text="a"), StreamHandle[str])
    assert_type(numbers.enqueue_sync(3), StreamHandle[int])
    assert_type(numbers.job("x"), StreamHandle[int])
    for number in numbers.job("x").items_sync():
        assert_type(number, int)
    async for row in rows(ctx, 3):
        assert_type(row, Report)
    for number in numbers(3):
        assert_type(number, int)
    async for item in (await crunch.enqueue(3)).items():
        assert_type(item, Any)
    stream: StreamTask[[int], Report] = rows
    task: Task[[int], int] = stream
    await task.run(3)
