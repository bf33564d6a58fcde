"""``Task``: a registered function and the ways to have it called by a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar

from abaca.callbacks import FollowUp, arguments_of, end_parameter, joined, template
from abaca.cancelling import cancel_jobs
from abaca.checks import KeepSpec, Priority
from abaca.client import Client, Host, duplicate
from abaca.codec import ArgumentCodec, ResultCodec, new_id
from abaca.declare import Handler
from abaca.durations import Duration
from abaca.errors import BackendUnavailable, ConfigError, ResultDisabled, ResultTimeout
from abaca.handle import JobHandle
from abaca.jobresult import value_of
from abaca.limitspec import limits_of_call
from abaca.model import Inserted, JobEnd, NewJob, Receipt
from abaca.options import (
    NO_OPTIONS,
    CallOptions,
    Ending,
    OnDuplicate,
    Parents,
    Pool,
    TaskOptions,
    Unique,
    call_options,
    check_times,
)
from abaca.patience import refusal
from abaca.retryspec import Retry
from abaca.streaming import emitting
from abaca.sync import twin
from abaca.webhooks import Webhooks

P = ParamSpec("P")
R = TypeVar("R")
Q = ParamSpec("Q")
V = TypeVar("V")
R_co = TypeVar("R_co", covariant=True)
F = TypeVar("F", bound=Callable[..., Any])


class Call(Generic[R_co]):
    """One call, ready to be enqueued. It has its id already, so enqueuing it again is harmless: it is the same job."""

    __slots__ = ("_task", "job")

    def __init__(self, task: Task[..., R_co], job: NewJob) -> None:
        self._task = task
        self.job = job

    @property
    def id(self) -> str:
        """The id that the job will have, unless another has its key."""
        return self.job.id

    @property
    def task(self) -> Task[..., R_co]:
        return self._task

    @property
    def patience(self) -> float | None:
        """For how many seconds its enqueue waits for room in a full queue that asks for it; ``None``: the default."""
        return self._task._call_options.patience

    def job_for(self, host: Host) -> NewJob:
        """The job, for the app that stores it. Raises ``ConfigError`` when the task is another app's."""
        if self._task._host is not host:
            raise ConfigError(
                f"task {self._task.name!r} belongs to {self._task._host!r}, not to {host!r}: enqueue its calls there, "
                "or by name here with enqueue_by_name(); this call was not enqueued"
            )
        return self.job

    def handle(self, receipt: Receipt) -> JobHandle[R_co]:
        """The job that stands for this call: its own, or the one that has its key.

        Raises ``EnqueueRefused``, ``DuplicateJob``.
        """
        if receipt.outcome is Inserted.REFUSED:
            raise refusal(self.job, receipt)
        if receipt.outcome is Inserted.HELD and self._task.rejects_duplicates:
            raise duplicate(self.job, receipt)
        return self._task.job(receipt.id)


class Task(Generic[P, R]):
    """A registered function. ``P`` are the parameters that callers give, without ``ctx``; ``R`` is its result."""

    def __init__(self, host: Host, name: str, handler: Handler, options: TaskOptions) -> None:
        self.name = name
        self.options = options
        self.fn = handler.fn if not handler.yields else emitting(handler.fn, handler.takes_ctx, lambda: self.items)
        self.takes_ctx = handler.takes_ctx or handler.yields
        self.pool: Pool = options.pool
        self.batch = options.batch
        """How many jobs one call of the handler takes; zero for an ordinary task."""
        self.module = handler.fn.__module__
        self.qualname = handler.fn.__qualname__
        self.__wrapped__ = handler.fn
        self.__doc__ = handler.fn.__doc__
        self.__name__ = handler.fn.__name__
        self.__qualname__ = self.qualname
        self.__module__ = self.module
        self._host = host
        self._handler = handler
        self._codecs: tuple[ArgumentCodec, ResultCodec[Any]] | None = None
        self._item_codec: ResultCodec[Any] | None = None
        if handler.hints is not None:
            self._codecs = handler.codecs(name, options.max_payload)
            if handler.yields:
                self._item_codec = handler.item_codec(name, options.max_payload)
        self._call_options = NO_OPTIONS
        self._fields = {"task": name, **options.job_fields}

    def __repr__(self) -> str:
        return f"<task {self.name!r}>"

    @property
    def host(self) -> Host:
        """The app that stores its jobs."""
        return self._host

    def required_arguments(self) -> list[str]:
        """The parameters that every call must give."""
        return self._handler.required()

    @cached_property
    def arguments(self) -> ArgumentCodec:
        """Raises ``TaskDeclarationError`` when an annotation is still undefined."""
        return self._both()[0]

    @property
    def results(self) -> ResultCodec[R]:
        """Raises ``TaskDeclarationError`` when an annotation is still undefined."""
        return self._both()[1]

    @property
    def items(self) -> ResultCodec[Any]:
        """Of the items that a generator yields; of anything for a task that is none."""
        if self._item_codec is None:
            size = self.options.max_payload
            what = f"task {self.name!r}"
            self._item_codec = (
                self._handler.item_codec(self.name, size)
                if self._handler.yields
                else ResultCodec(Any, what=what, limit=size, noun="item")
            )
        return self._item_codec

    def opts(
        self,
        *,
        delay: Duration | None = None,
        run_at: datetime | None = None,
        key: str | None = None,
        priority: Priority | None = None,
        queue: str | None = None,
        tags: Iterable[str] | None = None,
        timeout: Duration | None = None,
        retry: Retry | None = None,
        keep: KeepSpec | None = None,
        wait: Duration | None = None,
        enqueue_timeout: Duration | None = None,
        cancel_on_timeout: bool = False,
        owner: str | None = None,
        tenant: str | None = None,
        unique: Unique | None = None,
        on_duplicate: OnDuplicate | None = None,
        throttle: Duration | None = None,
        debounce: Duration | None = None,
        start_within: Duration | None = None,
        expires: Duration | None = None,
        after: Parents | None = None,
        when: Ending | None = None,
        on_success: Callbacks[R] | None = None,
        on_failure: Callbacks[Any] | None = None,
        webhook: Webhooks | None = None,
    ) -> Self:
        """The same task with other options for the calls made through it. This task is unchanged.

        ``delay``: due that long after the insert; ``run_at``: due at that time. ``key``: while another job has the key,
        enqueuing answers that job. ``unique`` says how long a job has it: ``"until_finished"`` (the default of a key),
        ``"while_waiting"``, or for a time from when it is enqueued; without ``key`` the task and its arguments are the
        key. ``on_duplicate``: ``"return"`` the job that has it, ``"reject"`` with ``DuplicateJob``, or ``"replace"``
        what that job is to do, as long as it waits. ``throttle``: at most one job in that time; ``debounce``: one job,
        with the latest arguments, that long after the latest call; both by ``key``, else by task. ``tenant``: tenants
        take turns inside a queue and priority. ``start_within``: before the others of its priority, the earliest
        deadline first. ``expires``: cancelled if it has not begun so long after it was enqueued. ``after``: once these
        jobs have ended, and only if each ended as ``when`` asks: ``"completed"``, ``"failed"`` or ``"ended"``. ``wait``
        and ``cancel_on_timeout`` concern ``run``. ``enqueue_timeout``: how long enqueuing waits for room where a full
        queue asks for that; 60 s if nothing is said. ``on_success``, ``on_failure``: tasks whose first parameter is a
        ``JobEnd``, or their ``callback(...)``, enqueued in the write that ends the job; they and ``webhook`` come
        beside the task's own. The others are in place of the task's own. Raises ``ConfigError`` naming the option.
        """
        given = call_options(
            delay=delay,
            run_at=run_at,
            key=key,
            priority=priority,
            queue=queue,
            tags=tags,
            timeout=timeout,
            retry=retry,
            keep=keep,
            wait=wait,
            enqueue_timeout=enqueue_timeout,
            cancel_on_timeout=cancel_on_timeout,
            owner=owner,
            tenant=tenant,
            unique=unique,
            on_duplicate=on_duplicate,
            throttle=throttle,
            debounce=debounce,
            start_within=start_within,
            expires=expires,
            after=after,
            when=when,
            on_success=on_success,
            on_failure=on_failure,
            webhook=webhook,
        )
        if self.batch and timeout is not None:
            raise ConfigError(
                f"task {self.name!r}: opts(timeout=) is not for a batch task; a timeout is of the whole call"
            )
        return self._with(given.over(self._call_options))

    def call(self, /, *args: P.args, **kwargs: P.kwargs) -> Call[R]:
        """One call for ``App.enqueue_many``. Raises ``ArgumentError`` and ``PayloadTooLarge``; stores nothing."""
        data = self._both()[0].encode(args, kwargs)
        if self.options.limits:
            return self._limited(data, args, kwargs)
        if self._call_options.key_of is not None:
            return Call(
                self, NewJob(id=new_id(), args=data, **self._fields, key=self._call_options.key(self.name, data))
            )
        return Call(self, NewJob(id=new_id(), args=data, **self._fields))

    def call_without(self, arguments: Mapping[str, Any], later: frozenset[str]) -> Call[R]:
        """One call whose parameters ``later`` are given when it runs; ``arguments`` are the others by name, or all.

        Raises ``ArgumentError``, ``PayloadTooLarge``, and ``ConfigError`` where a limit or a key goes by what is not
        known yet.
        """
        if self._call_options.key_of is not None:
            raise ConfigError(f"task {self.name!r}: its key goes by its arguments, and {min(later)!r} comes later")
        for rule in self.options.limits:
            if rule.per in later:
                raise ConfigError(f"task {self.name!r}: Limit(per={rule.per!r}) goes by an argument that comes later")
        data = self._both()[0].encode_without(arguments, later)
        limits = limits_of_call(self.options.limits, self.name, arguments, self.defaults())
        return Call(self, NewJob(id=new_id(), args=data, **{**self._fields, "limits": limits}))

    def _limited(self, data: bytes, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call[R]:
        bound = self._handler.signature.bind(*args, **kwargs).arguments
        fields = {**self._fields, "limits": limits_of_call(self.options.limits, self.name, bound, self.defaults())}
        if self._call_options.key_of is not None:
            fields["key"] = self._call_options.key(self.name, data)
        return Call(self, NewJob(id=new_id(), args=data, **fields))

    def callback(self: Task[Concatenate[JobEnd[V], Q], Any], /, *args: Q.args, **kwargs: Q.kwargs) -> FollowUp[V]:
        """A call that waits for its first argument: ``opts(on_failure=alert.callback("ops"))``. Stores nothing.

        Raises ``ConfigError`` for a task whose first parameter is no ``JobEnd``, and what ``call`` raises.
        """
        return self._follow_up(args, kwargs)

    def follow_up(self) -> FollowUp[Any]:
        """``callback()``, for whoever is given a task."""
        return self._follow_up((), {})

    def _follow_up(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> FollowUp[Any]:
        hints = self._handler.resolved()
        into, rest = end_parameter(self.name, self._handler.signature, hints)
        fields = {name: value for name, value in self._fields.items() if name != "task"}
        data = arguments_of(self.name, rest, hints, args, kwargs)
        if self.options.limits:
            bound = rest.bind(*args, **kwargs).arguments
            fields["limits"] = limits_of_call(self.options.limits, self.name, bound, self.defaults())
        if self._call_options.key_of is not None:
            fields["key"] = self._call_options.key(self.name, data)
        return FollowUp(template(self.name, fields, data), into)

    def defaults(self) -> dict[str, Any]:
        """What parameters are when a call leaves them out."""
        parameters = self._handler.signature.parameters.values()
        return {p.name: p.default for p in parameters if p.default is not p.empty}

    @property
    def rejects_duplicates(self) -> bool:
        """Whether a key that is held is an error for the caller."""
        return self._call_options.rejects

    async def enqueue(self, /, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]:
        """Store one call and answer its handle; with a key that is held, the holder's.

        Raises ``ArgumentError``, ``PayloadTooLarge``, ``EnqueueRefused``, and ``BackendUnavailable`` when the store
        stayed away: whether the job was stored is unknown then.
        """
        if self._call_options.wait_ms is not None:
            raise ConfigError(f"task {self.name!r}: opts(wait=) concerns run(); enqueue() does not wait")
        call = self.call(*args, **kwargs)
        client = self._host.client()
        receipt = await client.insert(call.job)
        if receipt.again:
            receipt = await client.insist(call.job, receipt, call.patience)
        return call.handle(receipt)

    async def run(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Enqueue one call and wait for its result, at most as long as ``opts(wait=)`` says.

        Raises what ``enqueue`` and ``JobHandle.result`` raise. After ``ResultTimeout`` the job goes on, or is cancelled
        with ``opts(cancel_on_timeout=True)``.
        """
        call = self.call(*args, **kwargs)
        if call.job.keep is not None and call.job.keep.completed_ms == 0:
            raise ResultDisabled(call.job.id, f"task {self.name!r}: run() waits for a result, and keep=0 stores none")
        client = self._host.client()
        timeout = None if self._call_options.wait_ms is None else self._call_options.wait_ms / 1000
        try:
            job = await client.run(
                call.job, timeout, rejects=self._call_options.rejects, patience=self._call_options.patience
            )
            return value_of(job, self.results)
        except ResultTimeout as error:
            if self._call_options.cancel_on_timeout:
                raise await _cancelled(client, error) from error.__cause__
            raise

    def job(self, id: str) -> JobHandle[R]:
        """A handle for a job of this task that was enqueued anywhere. The store is not asked."""
        return JobHandle(self._host, id, self)

    enqueue_sync = twin(enqueue)
    run_sync = twin(run)

    def _both(self) -> tuple[ArgumentCodec, ResultCodec[R]]:
        if self._codecs is None:
            self._codecs = self._handler.codecs(self.name, self.options.max_payload)
        return self._codecs

    def _with(self, options: CallOptions) -> Self:
        task = type(self).__new__(type(self))
        task.__dict__.update(self.__dict__)
        task._call_options = options
        task._fields = joined({"task": self.name, **self.options.job_fields}, options.fields)
        check_times(task._fields, f"task {self.name!r}, opts")
        return task


V_contra = TypeVar("V_contra", contravariant=True)


class TakesEnd(Protocol[V_contra]):
    """A task that can be called with a ``JobEnd`` alone."""

    def call(self, end: JobEnd[V_contra], /) -> Call[Any]: ...


Callback = FollowUp[V] | TakesEnd[V]
"""Such a task, or a task whose other arguments were given with ``callback``."""
Callbacks = Callback[V] | Sequence[Callback[V]]


class TaskFunction(Task[P, R], Generic[P, R, F]):
    """What the decorator puts in the function's place. Calling it is an ordinary call of the function."""

    if TYPE_CHECKING:
        __call__: F  # both checkers take a declared attribute, not a property, where a callable is asked for
    else:

        @property
        def __call__(self):
            return self.__wrapped__


async def _cancelled(client: Client, error: ResultTimeout) -> ResultTimeout:
    """Cancel the job and say so; where the store is away, say that instead."""
    try:
        await client.ask(lambda backend: cancel_jobs(backend, [error.job_id]))
    except BackendUnavailable as unavailable:
        return ResultTimeout(error.job_id, f"{error}; cancelling it failed: {unavailable}")
    return ResultTimeout(error.job_id, f"job {error.job_id} had not ended in time and was told to stop")
