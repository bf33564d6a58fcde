"""The tasks of a simulated application. Each run writes its start and its end into the history."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from abaca import Abort, App, Ctx, Fixed, Retry, Snooze
from abaca.errors import CancelledByRequest
from abaca.tasks import Task
from abaca.verify.prints import print_of
from tests.simulation.loop import current

QUEUES = ("default", "low")
_FAST = Fixed(delay=0.5)

Body = Callable[[Any, Ctx, int, float], Awaitable[Any]]


async def quick(world: Any, ctx: Ctx, n: int, x: float) -> Any:
    await asyncio.sleep(x)  # sleeps: virtual time, the work itself
    return [n, ctx.fence]


async def slow(world: Any, ctx: Ctx, n: int, x: float) -> Any:
    for step in range(4):
        ctx.progress(step, 4)
        await asyncio.sleep(x / 4)  # sleeps: virtual time, the work itself
    return {"n": n, "fence": ctx.fence}


async def flaky(world: Any, ctx: Ctx, n: int, x: float) -> Any:
    """Fails as often as ``n`` says, sometimes more often than it may."""
    await asyncio.sleep(x)  # sleeps: virtual time, the work itself
    if ctx.attempt <= n % 5:
        raise OSError(f"attempt {ctx.attempt} of {n}")
    return n


async def hopeless(world: Any, ctx: Ctx, n: int, x: float) -> Any:
    await asyncio.sleep(x)  # sleeps: virtual time, the work itself
    if n % 2:
        raise Abort("never")
    raise ValueError("always")


async def poison(world: Any, ctx: Ctx, n: int, x: float) -> Any:
    """Ends its process, by a signal or by an exit of its own."""
    await asyncio.sleep(x)  # sleeps: virtual time, the work itself
    current().die((-11, -6, 0, 3)[n % 4])
    await asyncio.Event().wait()


async def stubborn(world: Any, ctx: Ctx, n: int, x: float) -> Any:
    """Will not be interrupted."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + x
    while (left := ends - loop.time()) > 0:
        try:
            await asyncio.sleep(left)  # sleeps: virtual time, the work itself
        except asyncio.CancelledError:
            continue
    return n


async def timed(world: Any, ctx: Ctx, n: int, x: float) -> Any:
    await asyncio.sleep(x)  # sleeps: virtual time, the work itself
    return n


async def snoozer(world: Any, ctx: Ctx, n: int, x: float) -> Any:
    ctx.log.info("before")
    if world.count(ctx.job_id) <= n % 3:
        raise Snooze(x)
    return n


async def freezing(world: Any, ctx: Ctx, n: int, x: float) -> Any:
    """Holds the GIL for a while."""
    await asyncio.sleep(0)
    world.freeze(current(), x)
    await asyncio.sleep(0.01)  # sleeps: virtual time, so that the freeze is noticed
    return n


_TASKS: tuple[tuple[Body, dict[str, Any]], ...] = (
    (quick, {"keep": 40.0}),
    (slow, {"queue": "low", "retry": Retry(max_attempts=3, backoff=_FAST)}),
    (flaky, {"retry": Retry(max_attempts=4)}),
    (hopeless, {"retry": Retry(max_attempts=2, backoff=_FAST)}),
    (poison, {"retry": Retry(max_attempts=2, backoff=_FAST)}),
    (stubborn, {"timeout": 2.0, "retry": Retry(max_attempts=2, backoff=_FAST)}),
    (timed, {"timeout": 1.5, "retry": Retry(max_attempts=2, backoff=_FAST)}),
    (snoozer, {"priority": "high"}),
    (freezing, {"lease": 4.0, "retry": Retry(max_attempts=3, backoff=_FAST)}),
)


def make_app(world: Any) -> App:
    """An application as one process sees it: its own clients, the same tasks."""
    app = App(backend=world.connect(), name="sim")
    for name, task in _declared().items():
        own = copy.copy(task)
        own._host = app
        app.tasks[name] = own
    return app


@cache
def _declared() -> dict[str, Task[..., Any]]:
    """Declared once: reading annotations costs more than a whole life of a process here."""
    app = App("memory://", name="sim")
    for body, options in _TASKS:
        app.task(name=body.__name__, **options)(_recorded(body))
    return app.tasks


def _recorded(body: Body) -> Callable[[Ctx, int, float], Awaitable[Any]]:
    async def run(ctx: Ctx, n: int, x: float) -> Any:
        world = current().loop.world
        run_key = {"j": ctx.job_id, "tok": ctx.fence}
        val = {"print": print_of({"n": n, "x": x})}
        world.write("handler", "event", "start", att=ctx.attempt, val=val, **run_key)
        try:
            value = await body(world, ctx, n, x)
        except BaseException as error:
            world.write("handler", "event", "end", val={"how": _how(error)}, **run_key)
            raise
        world.write("handler", "event", "end", val={"how": "returned", "print": print_of(value)}, **run_key)
        return value

    return run


def _how(error: BaseException) -> str:
    if isinstance(error, Snooze):
        return "snoozed"
    if isinstance(error, Abort):
        return "aborted"
    return "interrupted" if isinstance(error, asyncio.CancelledError | CancelledByRequest) else "raised"
