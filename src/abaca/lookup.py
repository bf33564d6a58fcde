"""What an app reaches by a name or an id alone: tasks whose code need not be here, jobs, workflows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Unpack

from abaca.announce import Announcements
from abaca.callbacks import joined
from abaca.checks import check_name
from abaca.client import Client, duplicate
from abaca.codec import encode_untyped, new_id
from abaca.handle import UNTYPED, JobHandle
from abaca.limitspec import limits_of_call
from abaca.model import Inserted, NewJob
from abaca.options import NO_OPTIONS, CallOptions, CallSettings, Pool, call_options, check_times
from abaca.patience import refusal
from abaca.sync import twin
from abaca.tasks import Task
from abaca.workflows.handle import GroupHandle, WorkflowHandle


class Lookup:
    """The part of ``App`` that needs no task of its own."""

    tasks: dict[str, Task[..., Any]]
    _announcements: Announcements

    if TYPE_CHECKING:

        def client(self) -> Client: ...

    async def enqueue_by_name(
        self,
        name: str,
        args: Mapping[str, Any] | None = None,
        *,
        pool: Pool | None = None,
        **options: Unpack[CallSettings],
    ) -> JobHandle[Any]:
        """Store a call of a task whose code need not be here; ``args`` are by parameter name.

        Queue, pool and the rest come from this app's task of that name, else from what a worker has announced. A task
        that nobody has announced yet needs ``pool`` (and ``queue``, unless it is ``default``). Arguments of a task that
        is not registered here are checked by the worker. The options are those of ``Task.opts``.
        Raises ``UnknownTask``, and what ``Task.enqueue`` raises.
        """
        given = call_options(**options)
        job = await self.named_job(name, args, given, pool=pool)
        receipt = await self.client().insert(job)
        if receipt.again:
            receipt = await self.client().insist(job, receipt, given.patience)
        if receipt.outcome is Inserted.REFUSED:
            raise refusal(job, receipt)
        if receipt.outcome is Inserted.HELD and options.get("on_duplicate") == "reject":
            raise duplicate(job, receipt)
        task = self.tasks.get(name)
        return self.job(receipt.id) if task is None else task.job(receipt.id)

    async def named_job(
        self,
        name: str,
        args: Mapping[str, Any] | None,
        given: CallOptions = NO_OPTIONS,
        *,
        pool: Pool | None = None,
        later: Collection[str] = (),
    ) -> NewJob:
        """A job of a task whose code need not be here; see ``enqueue_by_name``. Nothing is stored.

        ``later`` names the arguments that it gets from its parents when it runs.
        """
        options = await self._announcements.options_of(self.client(), check_name(name, "task name"), pool)
        task = self.tasks.get(name)
        data = (
            encode_untyped(name, args or {}, limit=options.max_payload)
            if task is None
            else task.arguments.encode_without(args or {}, frozenset(later))
            if later
            else task.arguments.encode_named(args or {})
        )
        fields = joined(options.job_fields, given.over(NO_OPTIONS).fields)
        check_times(fields, f"task {name!r}, opts")
        limits = limits_of_call(options.limits, name, args or {}, task.defaults() if task is not None else {})
        if given.key_of is not None:
            fields["key"] = given.key(name, data)
        return NewJob(id=new_id(), task=name, args=data, limits=limits, **fields)

    async def secrets(self, tasks: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """The parameters of each task whose values are not to be shown: what the tasks declare as ``secret=``.

        Of a task that is neither registered here nor announced none are known.
        """
        return await self._announcements.secrets_of(self.client(), set(tasks))

    def job(self, id: str) -> JobHandle[Any]:
        """A handle for any stored job; ``.typed(type)`` gives its results a type. The store is not asked."""
        return JobHandle(self, id, UNTYPED)

    def workflow(self, id: str) -> WorkflowHandle[Any]:
        """A handle for any stored workflow; ``.typed(type)`` gives its result a type. The store is not asked."""
        return WorkflowHandle(self, id, UNTYPED)

    def group(self, id: str) -> GroupHandle[Any]:
        """A handle for any stored group; ``.of(type)`` gives its results a type. The store is not asked."""
        return GroupHandle(self, id, UNTYPED)

    enqueue_by_name_sync = twin(enqueue_by_name)
    named_job_sync = twin(named_job)
