"""``POST /jobs``: one, many, and one that is waited for."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from abaca.client import duplicate
from abaca.errors import BackendUnavailable, PlaceUnavailable, ResultTimeout
from abaca.http.caller import Scope
from abaca.http.endpoint import endpoint
from abaca.http.errors import ErrorBody, problem
from abaca.http.paging import MOST_WAIT, Waiting
from abaca.http.replies import Answer, Items
from abaca.http.requests import ApiRequest
from abaca.http.submitting import SubmitJob, check_parents, new_job
from abaca.model import Inserted, Job, NewJob, Receipt
from abaca.options import CallOptions
from abaca.patience import refusal
from abaca.views import JobView, job_view

T = TypeVar("T")

MOST_JOBS = 1000


class Outcome(StrEnum):
    """What became of a job that was submitted.

    ``held``: another job holds the key, and ``id`` is that one's. ``replaced``: a waiting job held it and took over.
    ``known``: the same request was heard before. ``refused``: nothing was stored, and ``error`` says why.
    """

    INSERTED = "inserted"
    HELD = "held"
    REPLACED = "replaced"
    KNOWN = "known"
    REFUSED = "refused"


class Submitted(msgspec.Struct, frozen=True, kw_only=True):
    """``id`` is the job that stands for the request. ``job`` is there when the request waited for it."""

    id: str
    task: str
    queue: str
    outcome: Outcome
    job: JobView | None = None


class SubmitMany(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Up to 1,000 jobs. Each is judged on its own: some may be stored where others are refused."""

    jobs: Annotated[list[SubmitJob], Meta(min_length=1, max_length=MOST_JOBS)]


class ItemOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one job of many; ``index`` counts from 0 in the order of the request."""

    index: int
    outcome: Outcome
    id: str | None = None
    error: ErrorBody | None = None


class RunWaiting(msgspec.Struct, frozen=True, kw_only=True):
    """``wait``: seconds until the answer comes, whether or not the job has ended."""

    wait: Annotated[float, Meta(ge=0, le=MOST_WAIT)] = MOST_WAIT


_SUBMIT_EXAMPLE = {"task": "resize", "args": {"path": "cat.png", "width": 640}, "tags": ["web"]}


@endpoint(
    "POST",
    "/jobs",
    scope=Scope.WRITE,
    status=202,
    examples={
        "body": _SUBMIT_EXAMPLE,
        "answer": {
            "id": "0199a0c5d7d67c3f8a4be1f2a3b4c500",
            "task": "resize",
            "queue": "default",
            "outcome": "inserted",
            "job": None,
        },
    },
)
async def submit(request: ApiRequest, body: SubmitJob, query: Waiting) -> Answer[Submitted]:
    """Submit a job. It is stored when the answer comes; with ``wait``, the answer comes when it has ended."""
    job, options = await new_job(request, body)
    await check_parents(request, job)
    receipt = await request.app.client().insert(job)
    check_receipt(job, receipt, options)
    view = await _awaited(request, receipt.id, query.wait) if query.wait else None
    answer = Submitted(
        id=receipt.id, task=job.task, queue=job.queue, outcome=Outcome(receipt.outcome.name.lower()), job=view
    )
    return accepted(request, receipt.id, answer)


@endpoint(
    "POST",
    "/jobs/run",
    scope=Scope.WRITE,
    examples={"body": _SUBMIT_EXAMPLE},
)
async def run(request: ApiRequest, body: SubmitJob, query: RunWaiting) -> JobView | Answer[JobView]:
    """Submit a job and wait for its end: 200 with the ended job, however it ended, or 202 when the time was over.

    The job goes on then; read it at ``Location``.
    """
    job, options = await new_job(request, body)
    await check_parents(request, job)
    try:
        ended = await request.app.client().run(job, query.wait, rejects=options.rejects)
    except ResultTimeout as late:
        view = await _view(request, await request.job(late.job_id))
        return accepted(request, late.job_id, view)
    if not ended.state.ended:  # it stores no result, so the wait for one was over at once
        ended = await request.ended(ended, query.wait)
    view = await _view(request, ended)
    return view if ended.state.ended else accepted(request, ended.id, view)


@endpoint(
    "POST",
    "/jobs/batch",
    scope=Scope.WRITE,
    status=202,
    examples={"body": {"jobs": [_SUBMIT_EXAMPLE, {"task": "resize", "args": {"path": "dog.png"}}]}},
)
async def submit_many(request: ApiRequest, body: SubmitMany) -> Items[ItemOutcome]:
    """Submit up to 1,000 jobs, each with an outcome of its own. 503 when the store is away: submit them again, best
    with an ``Idempotency-Key``."""
    made = [await _made(request, one, index) for index, one in enumerate(body.jobs)]
    client = request.app.client()
    ready = [(index, *one) for index, one in enumerate(made) if not isinstance(one, ItemOutcome)]
    receipts = await asyncio.gather(*(client.insert(job) for _, job, _ in ready), return_exceptions=True)
    outcomes = {index: one for index, one in enumerate(made) if isinstance(one, ItemOutcome)}
    for (index, job, options), receipt in zip(ready, receipts, strict=True):
        outcomes[index] = _outcome(request, index, job, options, receipt)
    return Items(items=[outcomes[index] for index in range(len(made))])


def check_receipt(job: NewJob, receipt: Receipt, options: CallOptions) -> None:
    """Raises what the store's refusal is for the caller."""
    if receipt.outcome is Inserted.REFUSED:
        raise refusal(job, receipt)
    if receipt.outcome is Inserted.HELD and options.rejects:
        raise duplicate(job, receipt)


def accepted(request: ApiRequest, id: str, body: T) -> Answer[T]:
    """202, and where the job is."""
    return Answer(status=202, body=body, headers={"Location": request.url(f"/jobs/{id}")})


async def _awaited(request: ApiRequest, id: str, seconds: float) -> JobView:
    (job,) = await request.ask(lambda backend: backend.get([id]))
    if job is None:  # its time is over already
        job = await request.job(id)
    return await _view(request, await request.ended(job, seconds))


async def _view(request: ApiRequest, job: Job) -> JobView:
    secrets = await request.secrets([job.spec.task])
    return job_view(job, secrets[job.spec.task])


async def _made(request: ApiRequest, body: SubmitJob, index: int) -> tuple[NewJob, CallOptions] | ItemOutcome:
    try:
        job, options = await new_job(request, body, index)
        await check_parents(request, job)
    except Exception as error:
        return _refused(request, index, error)
    return job, options


def _outcome(
    request: ApiRequest, index: int, job: NewJob, options: CallOptions, receipt: Receipt | BaseException
) -> ItemOutcome:
    if isinstance(receipt, BaseException):
        if not isinstance(receipt, Exception):
            raise receipt
        return _refused(request, index, receipt)
    try:
        check_receipt(job, receipt, options)
    except Exception as error:
        return _refused(request, index, error)
    return ItemOutcome(index=index, outcome=Outcome(receipt.outcome.name.lower()), id=receipt.id)


def _refused(request: ApiRequest, index: int, error: Exception) -> ItemOutcome:
    """One job that was not stored. What is wrong with the store is wrong with the whole request."""
    found = None if isinstance(error, BackendUnavailable | PlaceUnavailable) else problem(error)
    if found is None:
        raise error
    return ItemOutcome(index=index, outcome=Outcome.REFUSED, error=found.answer(request.id).error)


ENDPOINTS = (submit, run, submit_many)
