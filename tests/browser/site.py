"""A service with a worker over a store in memory, on a loop of its own, for a browser to visit."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvicorn

from abaca import Ctx
from abaca.app import App
from abaca.backends.memory import MemoryBackend
from abaca.codec import new_id
from abaca.http import asgi
from abaca.http.caller import Caller
from abaca.http.sessions import begin_session
from abaca.http.streams.live import Live
from abaca.keys import create_key
from abaca.model import ErrorInfo, Job, Lease, NewJob, Settle, State, Transition, Want
from tests.http import filling

T = TypeVar("T")
PATIENCE = 20.0
"""Seconds for what the site does by itself."""


class Site:
    """``base`` is its address; ``key``, and the cookie of ``session``, open all of it. ``forward`` lets the jobs of
    ``walk`` take one step."""

    def __init__(self, app: App | None = None) -> None:
        self.app = app or App(backend=MemoryBackend(), poll_interval=0.1)
        self.key = self.session = ""
        self._steps: asyncio.Semaphore
        self._gateway = asgi(self.app)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.base = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(self._gateway, log_level="warning", timeout_graceful_shutdown=2, lifespan="on")
        self._server = uvicorn.Server(config)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)

    async def _serve(self) -> None:
        self._steps = asyncio.Semaphore(0)

        @self.app.task(name="walk")
        async def walk(ctx: Ctx, steps: int = 4) -> str:
            for step in range(1, steps + 1):
                ctx.progress(step, steps, stage="walk", message=f"step {step}")
                ctx.log.info("a step", number=step)
                await self._steps.acquire()
            return "arrived"

        key, self.key = await create_key(self.app.client(), "ada", scopes=["admin"])
        self.session = await begin_session(self.app.client(), Caller.of(key))
        queues = ("default", *(queue for plugin in self.app.plugins.declared for queue in plugin.queues))
        async with self.app.worker(queues=queues, beat=0.5, lease=10):
            self._ready.set()
            await self._server.serve(sockets=[self._socket])
        await self.app.close()

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(PATIENCE)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        self._loop.close()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    def walk(self, **options: Any) -> str:
        return self.do(self.app.enqueue_by_name("walk", {"steps": 4}, **options)).id

    def forward(self, steps: int = 1) -> None:
        for _ in range(steps):
            self._loop.call_soon_threadsafe(self._steps.release)

    def state(self, id: str) -> State:
        (job,) = self.do(self._get(id))
        assert job is not None
        return job.state

    async def _get(self, id: str) -> list[Job | None]:
        return await (await self.app.backend()).get([id])

    async def _insert(self, *jobs: NewJob) -> None:
        await (await self.app.backend()).insert(jobs)

    def failed(self) -> str:
        """A job that failed with a long message."""
        return self.do(self._fail())

    async def _fail(self) -> str:
        backend, lease = await self.app.backend(), Lease(worker="w-broken", ms=60_000)
        await self._insert(NewJob(id=new_id(), task="render", queue="broken", lane="async"))
        (job,) = (await backend.exchange([], Want(queues=("broken",), slots={"async": 1}), lease)).jobs
        error = ErrorInfo(type="shop.CardDeclined", message="no funds; " * 20, traceback=filling.TRACEBACK, attempt=1)
        to = Transition(target=State.FAILED, attempts=1, error=error, keep_ms=600_000)
        await backend.exchange([Settle(id=job.id, epoch=job.epoch, to=to)], None, lease)
        return job.id

    def fill(self) -> tuple[str, str]:
        """Jobs of other queues, one whose texts are markup, a workflow, a schedule. Answers the last two jobs' ids."""
        word = filling.HOSTILE
        hostile = NewJob(
            id=new_id(), task=word, args=b'{"a": "<img src=http://example.org/x onerror=alert(1)>"}', tags=(word,)
        )
        self.do(self._insert(*(NewJob(id=new_id(), task="render", queue="other", lane="async") for _ in range(60))))
        self.do(self._insert(hostile))
        job = NewJob(id="", task="walk", lane="async")
        self.do(self.app.schedules.create("nightly", job, cron="0 3 * * *", description=word))
        return hostile.id, self.do(filling.workflow(self.app))

    @property
    def is_watched(self) -> bool:
        return not self._gateway.service.piece(Live).feed.is_idle
