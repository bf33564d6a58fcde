"""Stored jobs as a test wants to see them: the call, with its arguments as the handler gets them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from abaca.handle import JobHandle
from abaca.model import Job, Status
from abaca.tasks import Task

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class EnqueuedCall(Generic[R_co]):
    """One stored job. ``arguments`` are by parameter name, of the types that the handler declares; what the caller left
    out is left out."""

    task: str
    arguments: dict[str, Any]
    job: Job = field(repr=False)
    handle: JobHandle[R_co] = field(repr=False, compare=False)

    @property
    def id(self) -> str:
        return self.job.id

    @property
    def status(self) -> Status:
        """When it was looked at."""
        return self.job.status

    @property
    def delay(self) -> float:
        """Seconds from when it was stored to when it is due."""
        return (self.job.due_at - self.job.created_at) / 1e6


def call_of(task: Task[..., R_co], job: Job) -> EnqueuedCall[R_co]:
    """Raises ``ArgumentError`` for arguments that the task cannot read, as its worker would."""
    codec = task.arguments
    args, kwargs = codec.decode(job.spec.args)
    return EnqueuedCall(task.name, dict(codec.bind(args, kwargs)), job, task.job(job.id))
