"""``Compiler``: the service as an application has it, ``app.plugins["compile"]``."""

from __future__ import annotations

import asyncio

from abaca import App, BatchCtx, Ctx, Retry, Task
from abaca_compile.model import Built
from abaca_compile.service.announcing import Announcer
from abaca_compile.service.engines import Compiles, Engines
from abaca_compile.service.fitting import LARGEST
from abaca_compile.service.fleet import Fleet, Fleets
from abaca_compile.service.opening import Openings, bounds_of, open_machine
from abaca_compile.service.performing import Performer
from abaca_compile.service.shelf import Shelf
from abaca_compile.service.tables import Table, row_of
from abaca_compile.service.tally import Tally
from abaca_compile.service.works import QUEUE, RECALL, RUN, TABLE, Work

_RETRY = Retry(max_attempts=4, backoff=[1, 5, 15])
_STUCK = "10m"
_LOOK_AGAIN = 0.1


class Compiler:
    """Declares the tasks on an app. Nothing is opened before the first job, or before a worker starts.

    ``run`` compiles, in slots of its own; ``recall`` is the same for what is expected to be answered by the cache, so
    that it does not wait behind compilers; ``table`` sums a matrix up.
    """

    def __init__(self, app: App) -> None:
        self.app = app
        value = app.settings.value
        self.slots: int = value("compile.slots")
        self.queue_length: int = value("compile.queue_length")
        self.keep: float = value("compile.keep")
        self.bounds = bounds_of(value)
        self.engines = Engines(lambda: open_machine(Openings.of(value, prepares=value("compile.prepare"))))
        self.fleets = Fleets(app)
        self.tally = Tally()
        self._bounded = False
        keep = self.keep

        @app.task(
            name=RUN,
            queue=QUEUE,
            batch=1,
            linger=0,
            parallel=self.slots,
            timeout=_STUCK,
            retry=_RETRY,
            max_payload=LARGEST,
            keep=keep,
        )
        async def run(ctx: BatchCtx, work: list[Work]) -> list[Built]:
            return [await self._performer.perform(ctx.jobs[0], work[0])]  # a batch of one: what is wanted is its slots

        @app.task(name=RECALL, queue=QUEUE, timeout=_STUCK, retry=_RETRY, max_payload=LARGEST, keep=keep)
        async def recall(ctx: Ctx, work: Work) -> Built:
            return await self._performer.perform(ctx, work)

        @app.task(name=TABLE, queue=QUEUE, retry=_RETRY, max_payload=LARGEST, keep=keep)
        async def table(built: list[Built | None]) -> Table:
            return Table(rows=tuple(row_of(index, one) for index, one in enumerate(built)))

        self.run = run
        self.recall = recall
        self.table = table
        self.shelf = Shelf(app, value("compile.cache_keep"), run.results)
        self._performer = Performer(self.engines, self.shelf, self.tally, value("compile.artifact"))
        announcer = Announcer(app, self.engines, self.tally, self.slots)
        app.beside_workers(announcer.run)

    @classmethod
    def of(cls, app: App) -> Compiler:
        """That of an app. Raises ``ConfigError`` for one without the plugin."""
        compiler: Compiler = app.plugins["compile"]
        return compiler

    def use(self, engine: Compiles) -> None:
        """Compile with an engine that is made already, in place of one for this machine."""

        async def given() -> Compiles:
            return engine

        self.engines.open = given

    async def fleet(self) -> Fleet:
        return await self.fleets.read()

    async def ready(self) -> Fleet:
        """Wait until a live worker has said what it has. It takes some seconds on a machine that is new to it."""
        while True:
            fleet = await self.fleets.look()
            if fleet.live and (fleet.catalogue.environments or fleet.trouble):
                return fleet
            await asyncio.sleep(_LOOK_AGAIN)

    async def bound(self) -> None:
        """Give the queue its length, unless somebody gave it one. Done once by each process that submits."""
        if self._bounded:
            return
        settings = await self.app.queues.get(QUEUE)
        if settings.max_length is None:
            await self.app.queues.limit_length(QUEUE, self.queue_length)
        self._bounded = True

    def task_for(self, *, known: bool) -> Task[[Work], Built]:
        return self.recall if known else self.run
