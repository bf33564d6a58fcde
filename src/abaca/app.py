"""``App``: the composition root. It names the store and holds the tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar, Unpack, overload
from urllib.parse import urlsplit

from abaca.announce import Announcements
from abaca.backend import Backend
from abaca.backends import open_backend
from abaca.carrying import Stamp
from abaca.checks import KeepSpec, check_keep, check_name, check_size, keep_unless_default, positive
from abaca.client import Client
from abaca.codec import DEFAULT_MAX_PAYLOAD
from abaca.config import load_settings
from abaca.config.blobs import blobs_of
from abaca.config.values import check_store_url, read_count, read_hosts, read_name, read_queues, read_weights
from abaca.context import Ctx
from abaca.decorator import (
    AItems,
    BatchDecorator,
    Coro,
    CtxAItems,
    CtxCoro,
    CtxItems,
    Items,
    ScheduleDecorator,
    TaskDecorator,
)
from abaca.durations import Duration, parse_duration
from abaca.errors import ConfigError
from abaca.events import SendsEvents
from abaca.handle import JobHandle
from abaca.lookup import Lookup
from abaca.model import NewJob, Page, Query, Stats
from abaca.places import Blobs
from abaca.plugins import Plugin, Plugins
from abaca.queues import Queues
from abaca.records import Records
from abaca.registering import Defaults, TaskSettings, make_task, register
from abaca.schedules import Declared, ScheduleOptions, Schedules
from abaca.stores import Stores
from abaca.streamtask import StreamFunction
from abaca.sync import twin
from abaca.taskcontrol import TaskControl
from abaca.tasks import Call, Task, TaskFunction

if TYPE_CHECKING:
    from abaca.worker.beside import Beside, Check
    from abaca.worker.middleware import Middleware
    from abaca.worker.service import Worker

P = ParamSpec("P")
R = TypeVar("R")

_SHARED_SCHEMES = frozenset({"memory", "sqlite"})  # one backend object serves every loop and thread of the process


class App(Lookup, SendsEvents):
    """Tasks, and the store that their jobs live in. Nothing is connected before the first use.

    ``url`` is the store: ``sqlite:///file.db``, ``redis://``, ``rediss://`` or ``memory://``; without it what the
    settings say (``$ABACA_URL``, else ``abaca.toml``), else ``sqlite:///abaca.db``. ``backend`` is a store that was
    made already, in place of a URL; it must serve every event loop that uses this app. ``poll_interval`` is how long a
    lost notification can delay a wait. ``max_payload`` limits arguments and results, in bytes of JSON. Those above
    ``results_above`` bytes go to the place ``results``, ``file:///folder`` or ``s3://bucket/prefix``. ``keep`` is how
    long ended jobs stay. Without them what the settings say. ``plugins`` are applications to have aboard, by name.
    Raises ``ConfigError`` for a value that cannot be used.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        name: str = "app",
        backend: Backend | None = None,
        poll_interval: Duration = 1.0,
        max_payload: int = DEFAULT_MAX_PAYLOAD,
        keep: KeepSpec | None = None,
        results: str | None = None,
        results_above: int | str | None = None,
        plugins: Iterable[Plugin | str] = (),
    ) -> None:
        if url is not None and backend is not None:
            raise ConfigError("App(url, backend=): they name two stores; give one of them")
        self.name = check_name(name, "App(name=)")
        self.plugins = Plugins(plugins)
        self.settings = settings = load_settings(more=self.plugins.settings)
        self.url = settings.url if url is None else check_store_url(url, "App(url)")
        self.tasks: dict[str, Task[..., Any]] = {}
        self.middleware: list[Middleware] = []
        self.beside: list[Beside] = []
        self.checks: list[Check] = []
        self.records = Records(self)
        self.schedules = Schedules(self)
        self.queues = Queues(self)
        self.task_control = TaskControl(self)
        self._declared = Declared(self.name)
        self.blobs = blobs_of(settings, results, results_above)
        self._defaults = Defaults(
            keep=keep_unless_default(settings.keep) if keep is None else check_keep(keep, by="app"),
            max_payload=check_size(max_payload, "App(max_payload=)", self.blobs.largest),
            largest=self.blobs.largest,
        )
        self._announcements = Announcements(self.tasks)
        self._stores = Stores(
            (lambda: backend) if backend is not None else (lambda: open_backend(self.url)),
            shared=backend is not None or urlsplit(self.url).scheme in _SHARED_SCHEMES,
            poll_interval=positive(poll_interval, "App(poll_interval=)") / 1000,
            blobs=self.blobs,
        )
        self.plugins.declare(self)

    def __repr__(self) -> str:
        return f"<App {self.name!r}: {len(self.tasks)} tasks>"

    @overload
    def task(self, fn: CtxAItems[P, R], /) -> StreamFunction[P, R, CtxAItems[P, R]]: ...  # type: ignore[overload-overlap]
    @overload
    def task(self, fn: AItems[P, R], /) -> StreamFunction[P, R, AItems[P, R]]: ...  # type: ignore[overload-overlap]
    @overload
    def task(self, fn: CtxItems[P, R], /) -> StreamFunction[P, R, CtxItems[P, R]]: ...  # type: ignore[overload-overlap]
    @overload
    def task(self, fn: Items[P, R], /) -> StreamFunction[P, R, Items[P, R]]: ...  # type: ignore[overload-overlap]
    @overload
    def task(self, fn: CtxCoro[P, R], /) -> TaskFunction[P, R, CtxCoro[P, R]]: ...  # type: ignore[overload-overlap]
    @overload
    def task(self, fn: Callable[P, Coro[R]], /) -> TaskFunction[P, R, Callable[P, Coro[R]]]: ...
    @overload
    def task(self, fn: Callable[Concatenate[Ctx, P], R], /) -> TaskFunction[P, R, Callable[Concatenate[Ctx, P], R]]: ...
    @overload
    def task(self, fn: Callable[P, R], /) -> TaskFunction[P, R, Callable[P, R]]: ...
    @overload
    def task(self, fn: None = None, /, **options: Unpack[TaskSettings]) -> TaskDecorator: ...
    @overload
    def task(
        self,
        fn: None = None,
        /,
        *,
        batch: int,
        linger: Duration = ...,
        parallel: int = ...,
        **options: Unpack[TaskSettings],
    ) -> BatchDecorator: ...
    def task(
        self,
        fn: Callable[..., Any] | None = None,
        /,
        *,
        batch: int | None = None,
        linger: Duration | None = None,
        parallel: int | None = None,
        **options: Unpack[TaskSettings],
    ) -> Any:
        """Register a function, as ``@app.task`` or ``@app.task(queue=..., ...)``. Its name is its ``__name__``.

        ``pool`` is where it runs: ``"async"`` for async def; ``"thread"`` (the default) or ``"process"`` for def.
        ``timeout`` stops one run; ``lease`` is how long a worker may be silent before the job is another's. ``keep`` is
        for completed jobs, or a mapping by ``completed``, ``cancelled`` and ``failed``; ``keep=0`` stores no result.
        ``limits`` hold over all workers: see ``Limit``. ``tenant``, ``start_within``, ``expires``, ``on_success``,
        ``on_failure`` and ``webhook`` are those of ``Task.opts``.
        ``secret`` names parameters whose values are masked in every view and log line of Abaca.
        ``batch``: the handler takes a list with the arguments of up to so many jobs, each of which is enqueued and ends
        on its own; it is called when they are there or ``linger`` (50 ms) after the first, at most ``parallel`` (1)
        times at once in one process.
        Raises ``TaskDeclarationError`` for a function that cannot be a task, ``ConfigError`` naming an option.
        """

        def register_one(fn: Callable[..., Any]) -> TaskFunction[..., Any, Any]:
            task = make_task(self, fn, self._defaults, batch=batch, linger=linger, parallel=parallel, **options)
            register(self.tasks, task)
            return task

        return register_one if fn is None else register_one(fn)

    def cron(
        self, expression: str, *, tz: str = "UTC", name: str | None = None, **options: Unpack[ScheduleOptions]
    ) -> ScheduleDecorator:
        """Make a job of the task at each tick of a cron expression: ``@app.cron("*/5 * * * *", tz="Europe/Berlin")``.

        It goes above ``@app.task(...)``, or on a plain function. The schedule's name is the task's unless ``name`` is
        given. The options are those of ``Schedules.create``. Workers of this code fire it, and only those.
        Raises ``ConfigError`` naming the option, ``TaskDeclarationError`` for a task that needs arguments.
        """

        def decorate(fn: Any) -> Any:
            task = fn if isinstance(fn, Task) else self.task(fn)
            self._declared.add(name or task.name, task, cron=expression, tz=tz, **options)
            return task

        return decorate

    def every(
        self, distance: Duration, *, name: str | None = None, **options: Unpack[ScheduleOptions]
    ) -> ScheduleDecorator:
        """Make a job of the task at a fixed distance: ``@app.every("5m")``. Otherwise like ``cron``."""

        def decorate(fn: Any) -> Any:
            task = fn if isinstance(fn, Task) else self.task(fn)
            self._declared.add(name or task.name, task, every=distance, **options)
            return task

        return decorate

    @property
    def declared_schedules(self) -> tuple[str, ...]:
        """The names of the schedules that this app's code declares."""
        return self._declared.names

    def stamp_jobs(self, stamp: Stamp | None) -> None:
        """Have every job of this app carry what ``stamp`` answers, as it is enqueued; see ``abaca.carrying``."""
        self._stores.stamp_with(stamp)

    def add_middleware(self, middleware: Middleware) -> Middleware:
        """Put a callable around every run of this app's workers; the first added is the outermost."""
        self.middleware.append(middleware)
        return middleware

    def beside_workers(self, work: Beside) -> Beside:
        """Have a coroutine function run beside each worker of this app, on the loop of its coroutines: it begins before
        the first claim and is cancelled after the last run. A plugin tells there what its machine has."""
        self.beside.append(work)
        return work

    def check_workers(self, check: Check) -> Check:
        """Have a coroutine function called with the queues of each worker of this app, before it claims. Where this
        machine must not run their jobs, it raises ``ConfigError``: the worker ends with that reason, as with a setting
        that cannot be used, and its jobs are left to others."""
        self.checks.append(check)
        return check

    async def enqueue_many(self, calls: Iterable[Call[R]]) -> list[JobHandle[R]]:
        """Store many calls, of any tasks, one round trip for each thousand; handles in order.

        Raises what ``Task.call`` and ``Task.enqueue`` raise, and ``ConfigError`` for a call of another app's task; what
        came before in whole batches is stored then. Enqueuing the same calls again stores none twice.
        """
        sent: list[Call[R]] = []
        patience: dict[str, float] = {}

        def jobs() -> Iterable[NewJob]:
            for call in calls:
                sent.append(call)
                if call.patience is not None:
                    patience[call.id] = call.patience
                yield call.job_for(self)

        receipts = await self.client().insert_many(jobs(), lambda job: patience.get(job.id))
        return [call.handle(receipt) for call, receipt in zip(sent, receipts, strict=True)]

    async def find(self, query: Query | None = None) -> Page:
        """Stored jobs that fit, for people; go on with ``page.cursor``. Never decide by it: it may be old already."""
        return await self.client().ask(lambda backend: backend.find(query or Query()))

    async def stats(self) -> Stats:
        """Counts by queue, totals of ended jobs, and the live workers."""
        return await self.client().ask(lambda backend: backend.stats())

    def worker(
        self,
        *,
        queues: Iterable[str] = ("default",),
        weights: Mapping[str, int] | None = None,
        concurrency: int = 50,
        process_slots: int | None = None,
        lease: Duration = 15.0,
        beat: Duration = 5.0,
        drain: Duration = 30.0,
        name: str = "",
        webhook_allow: Iterable[str] = (),
    ) -> Worker:
        """A worker for this app's tasks inside this program; start it with ``async with``.

        ``queues`` in strict order, or shared by ``weights``. ``concurrency`` counts coroutines and, apart from them,
        threads; ``process_slots`` child processes (default: one for each core). ``drain`` is how long runs may take at
        the end. ``webhook_allow``: networks and host names that webhooks may
        reach although they are not public. Its heart is a thread of this process: ``abaca worker`` has one that no
        handler can stop.
        """
        from abaca.worker.options import WorkerOptions, default_process_slots  # noqa: PLC0415 - clients go without
        from abaca.worker.service import Worker  # noqa: PLC0415

        options = WorkerOptions(
            queues=read_queues(queues if isinstance(queues, str) else tuple(queues), "worker queues"),
            weights=None if weights is None else read_weights(weights, "worker weights"),
            concurrency=read_count(concurrency, "worker concurrency"),
            process_slots=default_process_slots()
            if process_slots is None
            else read_count(process_slots, "worker process_slots"),
            lease=positive(lease, "worker lease") / 1000,
            beat=positive(beat, "worker beat") / 1000,
            drain=parse_duration(drain, "worker drain") / 1000,
            name=read_name(name, "worker name") if name else "",
            webhook_allow=read_hosts(
                webhook_allow if isinstance(webhook_allow, str) else tuple(webhook_allow), "worker webhook_allow"
            ),
        )
        return Worker(
            self.tasks,
            self.connect,
            options,
            middleware=self.middleware,
            schedules=lambda: self._declared.names,
            blobs=self.blobs,
            beside=self.beside,
            checks=self.checks,
        )

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Backend]:
        """For workers: an open backend as long as the block lasts. The store is told of this app's tasks."""
        async with self._stores.connect() as backend:
            await self._announcements.tell(backend)
            await self._declared.tell(backend)
            yield backend

    @contextmanager
    def bound_to(self, backend: Backend, blobs: Blobs | None = None) -> Iterator[Stores]:
        """For tests: as long as the block lasts this app's jobs live in ``backend``, which must serve every event loop,
        and its large payloads in ``blobs``. What workers tell a store is told to it anew."""
        stood = self._stores, self._announcements, self.blobs
        self.blobs = blobs or Blobs()
        self._announcements = Announcements(self.tasks)
        self._stores = Stores(lambda: backend, shared=True, poll_interval=self._stores.poll_interval, blobs=self.blobs)
        try:
            yield self._stores
        finally:
            self._stores, self._announcements, self.blobs = stood

    def client(self) -> Client:
        """The running loop's client. Tasks and handles use it."""
        return self._stores.client()

    async def backend(self) -> Backend:
        """The running loop's open backend, the whole storage seam. Raises ``ConfigError``, ``BackendUnavailable``."""
        return await self.client().backend()

    async def close(self) -> None:
        """Close what the running loop has open. The next use opens it anew."""
        await self._stores.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close_sync()

    enqueue_many_sync = twin(enqueue_many)
    find_sync = twin(find)
    stats_sync = twin(stats)
    close_sync = twin(close)
