"""The application of the tests that look at worker processes from outside. The store is ``$ABACA_URL``."""

from __future__ import annotations

import logging
import os
import signal

from abaca import App, Retry
from abaca.observe.joblogs import capture

app = App(name="observing")
capture(app)
log = logging.getLogger("observing")


@app.task
async def quick(n: int) -> int:
    return n


@app.task
async def talks() -> None:
    log.info("a line of logging")


@app.task(pool="process", retry=Retry(max_attempts=1))
def dies() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
