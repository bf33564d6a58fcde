"""Jobs that a request starts, beside those of uploads."""

from __future__ import annotations

from typing import ParamSpec, TypeVar

import msgspec

from abaca import Task
from abaca.http import Answer, ApiRequest
from abaca_documents.submitting import call_by
from abaca_documents.web.declaring import caller

P = ParamSpec("P")
R = TypeVar("R")


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A job that was stored and does what was asked for. ``GET /jobs/{job_id}/events`` tells how far it is."""

    job_id: str
    status: str = "queued"


async def start(request: ApiRequest, task: Task[P, R], *args: P.args, **kwargs: P.kwargs) -> Answer[Started]:
    (handle,) = await request.app.enqueue_many([call_by(caller(request), 0, task, *args, **kwargs)])
    return accepted(request, handle.id)


def accepted(request: ApiRequest, job_id: str) -> Answer[Started]:
    return Answer(status=202, body=Started(job_id=job_id), headers={"Location": request.url(f"/jobs/{job_id}")})
