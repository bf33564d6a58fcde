"""Wrong uses. A checker that accepts a marked line, or finds fault with any other, is a failure."""

from __future__ import annotations

from collections.abc import AsyncIterator

from abaca import App, Call, Ctx, JobHandle, Retry, Task, Workflow, WorkflowHandle, all_of, chain, group, maybe

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


@app.task
async def name(size: float, unit: str = "m") -> str:
    return f"{size} {unit}"


@app.task
async def total(sizes: list[float]) -> int:
    return len(sizes)


@app.task
async def pair(left: float, right: str) -> int:
    return 3


async def chains() -> None:
    chain(render.call("a"), render)  # wrong: a float is no text
    chain(render.call("a"), name, crunch)  # wrong: a text is no number
    chain(render.call("a"), name).then(with_ctx)  # wrong: a text is no number
    chain(render.call("a"), pair)  # wrong: a second argument is missing
    chain(render, name)  # wrong: the first is no call
    chain(render.call("a"), name.call(1.0))  # wrong: a call is no task
    text: str = await chain(render.call("a")).run()  # wrong: result type
    handle: WorkflowHandle[int] = await chain(render.call("a"), name).enqueue()  # wrong: result type


async def groups() -> None:
    made = group(render.call("a") for _ in range(3))
    made.then(name)  # wrong: a list is no number
    made.then(total, when="ended")  # wrong: there may be None in the list
    made.then(total, when="failed")  # wrong: no such choice
    group([render])  # wrong: a task is no call
    async for outcome in (await made.enqueue()).results():
        size: float = outcome.value  # wrong: there may be no value


async def graphs() -> None:
    flow = Workflow("w")
    size = flow.add(render, "a")
    flow.add(render, 3)  # wrong: argument type
    flow.add(render, size)  # wrong: a float is no text
    flow.add(pair, size, size)  # wrong: a float is no text
    flow.add(pair, size)  # wrong: missing
    flow.add(total, size)  # wrong: a number is no list
    flow.add(name, maybe(size))  # wrong: there may be None
    flow.add(total, all_of([flow.add(name, size)]))  # wrong: a list of texts
    flow.add(name, size).after(3)  # wrong: a number is no node
    flow.add(name, size).after(size, when="always")  # wrong: no such end


async def edges() -> None:
    crunch.opts(after="x")  # wrong: a text is no job
    crunch.opts(after=[3])  # wrong: a number is no job


async def charge(who: str, cents: int) -> int:
    return cents


async def steps(ctx: Ctx) -> None:
    await ctx.step("one", charge, "ann")  # wrong: an argument is missing
    await ctx.step("one", charge, 3, 4)  # wrong: argument type
    await ctx.step("one", charge, "ann", 3, retry=Retry())  # wrong: an option is no argument
    await ctx.step(1, charge, "ann", 3)  # wrong: a number is no name
    text: str = await ctx.step("one", charge, "ann", 3)  # wrong: result type
    await ctx.opts(retry=3).step("one", charge, "ann", 3)  # wrong: a number is no Retry
    paid: str = await ctx.wait_event("paid", type=int)  # wrong: type of the event


@app.task
async def stream(count: int) -> AsyncIterator[int]:
    yield count


async def streams() -> None:
    await stream.enqueue("a")  # wrong: argument type
    async for item in (await stream.enqueue(3)).items():
        other: str = item  # wrong: type of the items
    first: str = await stream.run(3)  # wrong: the result is a number
    (await stream.enqueue(3)).items(offset=3)  # wrong: misspelt option
