"""The tasks of a simulated application. Each run writes its start and its end into the history."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from abaca import Abort, App, Ctx, Fixed, Retry, Snooze
from abaca.errors import CancelledByRequest
from abaca.verify.prints import print_of
from tests.simulation.loop import current

QUEUES = ("default", "low")
_FAST = Fixed(delay=0.5)


def make_app(world: Any) -> App:
    """An application as one process sees it: its own clients, the same tasks."""
    app = App(backend=world.connect(), name="sim")

    def recorded(body: Callable[[Ctx, int, float], Awaitable[Any]]) -> Callable[[Ctx, int, float], Awaitable[Any]]:
        async def run(ctx: Ctx, n: int, x: float) -> Any:
            world.write("handler", "event", "start", j=ctx.job_id, tok=ctx.fence, att=ctx.attempt, val=_print(n, x))
            try:
                value = await body(ctx, n, x)
            except BaseException as error:
                world.write("handler", "event", "end", j=ctx.job_id, tok=ctx.fence, val={"how": _how(error)})
                raise
            val = {"how": "returned", "print": print_of(value)}
            world.write("handler", "event", "end", j=ctx.job_id, tok=ctx.fence, val=val)
            return value

        run.__name__ = run.__qualname__ = body.__name__
        run.__annotations__ = {"ctx": Ctx, "n": int, "x": float, "return": Any}
        return run

    async def quick(ctx: Ctx, n: int, x: float) -> Any:
        await asyncio.sleep(x)  # sleeps: virtual time, the work itself
        return [n, ctx.fence]

    async def slow(ctx: Ctx, n: int, x: float) -> Any:
        for step in range(4):
            ctx.progress(step, 4)
            await asyncio.sleep(x / 4)  # sleeps: virtual time, the work itself
        return {"n": n, "fence": ctx.fence}

    async def flaky(ctx: Ctx, n: int, x: float) -> Any:
        await asyncio.sleep(x)  # sleeps: virtual time, the work itself
        if ctx.attempt <= n % 5:
            raise OSError(f"attempt {ctx.attempt} of {n}")
        return n

    async def hopeless(ctx: Ctx, n: int, x: float) -> Any:
        await asyncio.sleep(x)  # sleeps: virtual time, the work itself
        if n % 2:
            raise Abort("never")
        raise ValueError("always")

    async def poison(ctx: Ctx, n: int, x: float) -> Any:
        await asyncio.sleep(x)  # sleeps: virtual time, the work itself
        world.crash(current(), status=(-11, -6, 0, 3)[n % 4])
        await asyncio.Event().wait()

    async def stubborn(ctx: Ctx, n: int, x: float) -> Any:
        ends = asyncio.get_running_loop().time() + x
        while (left := ends - asyncio.get_running_loop().time()) > 0:
            try:
                await asyncio.sleep(left)  # sleeps: virtual time, the work itself
            except asyncio.CancelledError:
                continue
        return n

    async def timed(ctx: Ctx, n: int, x: float) -> Any:
        await asyncio.sleep(x)  # sleeps: virtual time, the work itself
        return n

    async def snoozer(ctx: Ctx, n: int, x: float) -> Any:
        ctx.log.info("before")
        if world.count(ctx.job_id) <= n % 3:
            raise Snooze(x)
        return n

    async def freezing(ctx: Ctx, n: int, x: float) -> Any:
        await asyncio.sleep(0)
        world.freeze(current(), x)
        await asyncio.sleep(0.01)  # sleeps: virtual time, so that the freeze is noticed
        return n

    def add(body: Callable[[Ctx, int, float], Awaitable[Any]], **options: Any) -> None:
        app.task(**options)(recorded(body))

    add(quick)
    add(slow, queue="low", retry=Retry(max_attempts=3, backoff=_FAST))
    add(flaky, retry=Retry(max_attempts=4))
    add(hopeless, retry=Retry(max_attempts=2, backoff=_FAST))
    add(poison, retry=Retry(max_attempts=2, backoff=_FAST))
    add(stubborn, timeout=2.0, retry=Retry(max_attempts=2, backoff=_FAST))
    add(timed, timeout=1.5, retry=Retry(max_attempts=2, backoff=_FAST))
    add(snoozer, priority="high")
    add(freezing, lease=4.0, retry=Retry(max_attempts=3, backoff=_FAST))
    return app


def _print(n: int, x: float) -> dict[str, str]:
    return {"print": print_of({"n": n, "x": x})}


def _how(error: BaseException) -> str:
    if isinstance(error, Snooze):
        return "snoozed"
    if isinstance(error, Abort):
        return "aborted"
    return "interrupted" if isinstance(error, asyncio.CancelledError | CancelledByRequest) else "raised"
