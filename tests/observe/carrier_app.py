"""Tasks in every pool that say what surrounds them; child processes import this module by its name."""

from __future__ import annotations

import logging

from abaca import App, Ctx
from abaca.carrying import carried
from abaca.observe.joblogs import capture

app = App("memory://")
capture(app, "info", scrub=lambda fields: {**fields, "message": fields["message"].replace("hunter2", "***")})
log = logging.getLogger("shop")


def tell(ctx: Ctx) -> dict[str, str]:
    ctx.log.info("by ctx")
    log.debug("too low")
    log.info("sold %d for %s", 3, "hunter2")
    try:
        raise OSError("no luck")
    except OSError:
        log.exception("failed")
    return dict(carried())


@app.task
async def in_loop(ctx: Ctx) -> dict[str, str]:
    return tell(ctx)


@app.task
def in_thread(ctx: Ctx) -> dict[str, str]:
    return tell(ctx)


@app.task(pool="process")
def in_process(ctx: Ctx) -> dict[str, str]:
    return tell(ctx)


@app.task
async def chatty() -> None:
    for number in range(1_100):
        log.info("line %d", number)
