"""The application that a chaos run's workers run. Every handler says what it does in a file of its own process.

The value of a job is a number that is nobody else's; its result is computed from the number and from the run's fence,
so that a result which belongs to another job, or to an earlier run of the same job, is seen.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time

from abaca import Ctx, Retry
from abaca.verify import pills
from abaca.verify.application import VerifyApp
from abaca.verify.notes import RunNotes, notes

KEEP = {"completed": "12h", "cancelled": "12h", "failed": "12h"}
PATIENT = Retry(max_attempts=10, backoff=[0.05, 0.2, 0.5])
"""For jobs that deserve no failure: each kill may cost them an attempt once they run alone."""
PILL_TIMEOUT = "2s"
BIG_BYTES = 60_000
LONGEST = 8.0
"""Seconds after which a handler that waits to be cancelled ends by itself."""

app = VerifyApp(name="abaca-verify", keep=KEEP)


def answer(n: int, fence: int) -> str:
    """What that run of the job with this number returns."""
    return hashlib.blake2b(b"%d %d" % (n, fence), digest_size=8).hexdigest()


class Unlucky(Exception):
    """What ``flaky`` and ``doomed`` raise."""


@app.task(retry=PATIENT)
async def quick(ctx: Ctx, n: int) -> str:
    with notes().run(ctx, n=n) as run:
        return run.ends(answer(n, ctx.fence))


@app.task(retry=PATIENT)
async def slow(ctx: Ctx, n: int, ms: int) -> str:
    with notes().run(ctx, n=n, ms=ms) as run:
        await asyncio.sleep(ms / 1000)
        return run.ends(answer(n, ctx.fence))


@app.task(retry=PATIENT, pool="thread")
def threaded(ctx: Ctx, n: int, ms: int) -> str:
    with notes().run(ctx, n=n, ms=ms) as run:
        time.sleep(ms / 1000)
        return run.ends(answer(n, ctx.fence))


@app.task(retry=PATIENT, pool="process")
def apart(ctx: Ctx, n: int, ms: int) -> str:
    with notes().run(ctx, n=n, ms=ms) as run:
        time.sleep(ms / 1000)
        return run.ends(answer(n, ctx.fence))


@app.task(retry=PATIENT)
async def flaky(ctx: Ctx, n: int) -> str:
    """Fails twice, then succeeds."""
    with notes().run(ctx, n=n) as run:
        if ctx.attempt < 3:
            raise Unlucky(f"attempt {ctx.attempt} of job {n}")
        return run.ends(answer(n, ctx.fence))


@app.task(retry=Retry(max_attempts=2, backoff=[0.1]))
async def doomed(ctx: Ctx, n: int) -> str:
    with notes().run(ctx, n=n):
        raise Unlucky(f"job {n} always fails")


@app.task(retry=PATIENT, pool="thread")
def heedful(ctx: Ctx, n: int) -> str:
    """Runs until it is cancelled, and looks for that."""
    with notes().run(ctx, n=n) as run:
        never = threading.Event()
        until = time.monotonic() + LONGEST
        while time.monotonic() < until:
            ctx.raise_if_cancelled()
            never.wait(0.05)
        return run.ends(answer(n, ctx.fence))


@app.task(retry=PATIENT)
async def endless(ctx: Ctx, n: int) -> str:
    """Waits until it is cancelled from outside."""
    with notes().run(ctx, n=n) as run:
        await asyncio.sleep(LONGEST)
        return run.ends(answer(n, ctx.fence))


@app.task(retry=PATIENT)
async def chatty(ctx: Ctx, n: int) -> str:
    """Reports progress and a log line on the way."""
    with notes().run(ctx, n=n) as run:
        for step in range(3):
            ctx.progress(step, 3)
            await asyncio.sleep(0.01)
        ctx.log.info("done", number=n)
        return run.ends(answer(n, ctx.fence))


@app.task(retry=PATIENT)
async def big(ctx: Ctx, n: int) -> str:
    with notes().run(ctx, n=n) as run:
        text = answer(n, ctx.fence)
        return run.ends(text * (BIG_BYTES // len(text)))


@app.task(retry=Retry(max_attempts=1), timeout=PILL_TIMEOUT)
async def pill(ctx: Ctx, n: int, how: str) -> str:
    """Ends the runner in which other jobs run too."""
    with notes().run(ctx, n=n, how=how) as run:
        return _swallow(run, how, answer(n, ctx.fence))


@app.task(retry=Retry(max_attempts=2, backoff=[0.1]), timeout=PILL_TIMEOUT, pool="process")
def pill_apart(ctx: Ctx, n: int, how: str) -> str:
    """The same in a process of its own."""
    with notes().run(ctx, n=n, how=how) as run:
        return _swallow(run, how, answer(n, ctx.fence))


def _swallow(run: RunNotes, how: str, result: str) -> str:
    run.takes(how)
    try:
        pills.PILLS[how]()
    finally:
        run.survives()
    return run.ends(result)


@app.task(retry=PATIENT, pool="process")
def orphaning(ctx: Ctx, n: int) -> str:
    """Leaves processes behind."""
    with notes().run(ctx, n=n) as run:
        run.leaves(pills.orphans())
        return run.ends(answer(n, ctx.fence))
