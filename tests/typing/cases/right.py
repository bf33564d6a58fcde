"""Right uses. A checker that finds fault with any line is a failure."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

from abaca import App, BatchCtx, Call, Ctx, Exponential, JobEnd, JobHandle, JobResult, Retry, Status, Task, Update, Webhook

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


@app.task(batch=100, linger="50ms", parallel=2, queue="search")
async def index(ctx: BatchCtx, docs: list[Document]) -> list[Report]:
    assert_type(ctx.jobs[0], Ctx)
    return [Report(size=len(doc.pages)) for doc in docs]


@app.task(batch=100)
def sort_out(docs: list[Document]) -> list[Report | Exception]:
    return [ValueError(doc) for doc in docs]


@app.task(batch=100)
async def some(names: list[str]) -> list[int | Exception]:
    return [len(name) for name in names]


@app.task(batch=10)
async def drop(ns: list[int]) -> None: ...


@app.task(batch=10)
def drop_in_thread(ctx: BatchCtx, ns: list[int]) -> None: ...


async def batches(doc: Document) -> None:
    assert_type(await index.enqueue(doc), JobHandle[Report])
    assert_type(await index.run(doc), Report)
    assert_type(await index.opts(delay=3).run(doc), Report)
    assert_type(await sort_out.run(doc), Report)
    assert_type(await some.run("a"), int)
    assert_type(await drop.enqueue(3), JobHandle[None])
    drop_in_thread.enqueue_sync(3)
    assert_type(await some(["a"]), list[int | Exception])


@app.task
async def filed(end: JobEnd[Report], folder: str, *, loud: bool = False) -> None:
    assert_type(end.result, Report | None)


@app.task
def stored(ctx: Ctx, end: JobEnd[Report]) -> None: ...


@app.task
async def alert(ctx: Ctx, end: JobEnd[object], to: str = "ops") -> None: ...


@app.task
def noted(end: JobEnd[object]) -> None: ...


@app.task(on_failure=noted, on_success=[noted, alert.callback("me")], webhook=Webhook("https://example.org/x"))
async def watched(n: int) -> int:
    return n


async def callbacks(doc: Document) -> None:
    plain.opts(on_success=stored)
    plain.opts(on_success=filed.callback("x", loud=True), on_failure=noted)
    plain.opts(on_success=[stored, filed.callback("x"), noted], on_failure=alert.callback("ops"))
    plain.opts(webhook=[Webhook("https://example.org/x", secret="env:KEY", on="failed")])
    assert_type(await plain.opts(on_success=stored).run(doc), Report)
    assert_type(await watched.run(3), int)
