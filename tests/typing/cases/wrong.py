"""Wrong uses. A checker that accepts a marked line, or finds fault with any other, is a failure."""

from __future__ import annotations

from abaca import App, BatchCtx, Call, Ctx, JobEnd, JobHandle, Retry, Task, Webhook

app = App("memory://")


@app.task
async def render(ctx: Ctx, doc: str, dpi: int = 150) -> float:
    return 1.0


@app.task(queue="x")
def crunch(n: int) -> int:
    return n


@app.task
def with_ctx(ctx: Ctx, n: int) -> int:
    return n


async def arguments(ctx: Ctx) -> None:
    await render.enqueue(3)  # wrong: argument type
    await render.enqueue("a", dpj=3)  # wrong: misspelt name
    await render.enqueue()  # wrong: missing
    await render.enqueue("a", 3, 4)  # wrong: one too many
    await render.enqueue(ctx, "a")  # wrong: ctx is not for callers
    await render.enqueue("a", delay=60)  # wrong: an option is no argument
    await render.run("a", wait=3)  # wrong: an option is no argument
    await crunch.run("a")  # wrong: argument type
    render.call(3)  # wrong: argument type
    with_ctx.enqueue_sync(ctx, 3)  # wrong: ctx is not for callers
    crunch.run_sync("a")  # wrong: argument type
    crunch.enqueue_sync(m=3)  # wrong: misspelt name
    await crunch.opts(delay=3).enqueue("a")  # wrong: argument type


async def options() -> None:
    crunch.opts(delya=60)  # wrong: misspelt option
    crunch.opts(n=3)  # wrong: an argument is no option
    crunch.opts(priority="urgent")  # wrong: unknown priority
    crunch.opts(retry=3)  # wrong: a number is no Retry
    Retry(backoff="slowly")  # wrong: unknown back-off
    app.task(pool="gpu")  # wrong: unknown pool
    app.task(prioritty=3)  # wrong: misspelt option
    await app.enqueue_many([crunch])  # wrong: a task is no call


async def results() -> None:
    text: str = await render.run("a")  # wrong: result type
    number: int = await (await render.enqueue("a")).result()  # wrong: result type
    handle: JobHandle[str] = await crunch.enqueue(3)  # wrong: result type
    calls: list[Call[str]] = [crunch.call(3)]  # wrong: result type
    other: str = crunch.job("x").result_sync()  # wrong: result type
    peeked: int = (await crunch.job("x").outcome()).value  # wrong: there may be no value
    task: Task[[str], int] = crunch.opts()  # wrong: other parameters


async def ordinary_calls(ctx: Ctx) -> None:
    await render("a")  # wrong: the function itself takes ctx
    crunch("a")  # wrong: argument type
    with_ctx(3)  # wrong: the function itself takes ctx
    await crunch(3)  # wrong: it is not async
    ctx.progress("half")  # wrong: argument type


@app.task(batch=10)
async def index(ctx: BatchCtx, docs: list[str]) -> list[int]:
    return [len(doc) for doc in docs]


@app.task
async def stored(end: JobEnd[str]) -> None: ...


@app.task
async def alert(end: JobEnd[object], to: str) -> None: ...


async def batches() -> None:
    await index.enqueue(["a"])  # wrong: one element, not the list
    await index.enqueue(3)  # wrong: element type
    text: str = await index.run("a")  # wrong: result type
    app.task(linger="1s")  # wrong: there is no batch


async def callbacks() -> None:
    crunch.opts(on_success=stored)  # wrong: the result is of another type
    crunch.opts(on_success=crunch)  # wrong: it takes no JobEnd
    crunch.opts(on_failure=alert)  # wrong: an argument is missing
    alert.callback(3)  # wrong: argument type
    Webhook("https://example.org", on="cancelled")  # wrong: no such end
