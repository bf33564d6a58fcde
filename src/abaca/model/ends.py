"""How a job ended, as those who wait for its end are told."""

from __future__ import annotations

from typing import Generic, TypeVar

from abaca.model.base import Value
from abaca.model.job import DEFAULT_QUEUE, ErrorInfo, Status

T_co = TypeVar("T_co", covariant=True)


class JobEnd(Value, Generic[T_co], frozen=True, kw_only=True):
    """What a callback is told of the job that ended: ``JobEnd[str]`` where that job's result is a ``str``.

    ``status`` is ``completed`` or ``failed``; webhook subscriptions hear of ``cancelled`` as well. ``result`` is there
    when it completed, unless ``result_left_out`` says that it was too large to be copied, or is kept elsewhere; then
    ``app.job(end.job_id).result()`` has it. ``attempts`` counts charged runs.
    """

    job_id: str
    task: str
    status: Status
    attempts: int
    queue: str = DEFAULT_QUEUE
    result: T_co | None = None
    result_left_out: bool = False
    error: ErrorInfo | None = None
    tags: tuple[str, ...] = ()
    owner: str | None = None
    tenant: str | None = None
