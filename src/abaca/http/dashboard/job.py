"""The page of one job."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from abaca.codec import unpack
from abaca.http.dashboard.desk import Desk
from abaca.http.dashboard.history import Told, read_history
from abaca.http.dashboard.pages import page
from abaca.http.dashboard.snippets import as_curl, as_python
from abaca.http.dashboard.timeline import parts_of, runs_of
from abaca.http.dashboard.whywait import why_it_waits
from abaca.http.replies import Reply
from abaca.model import Job, Progress, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """What may be done to a job in its state."""

    cancel: bool
    requeue: bool
    edit: bool
    reschedule: bool
    delete: bool


def actions_of(job: Job) -> Actions:
    ended, waits = job.state.ended, job.state is State.WAITING
    return Actions(
        cancel=not ended and not job.cancel,
        requeue=ended and not job.purged,
        edit=job.state is State.FAILED and not job.purged,
        reschedule=waits,
        delete=not job.purged and job.state is not State.RUNNING,
    )


def progress_of(job: Job) -> Progress | None:
    """What the run last said; ``None`` where it said nothing, or nothing that can be read."""
    try:
        return None if job.progress is None else msgspec.json.decode(unpack(job.progress), type=Progress)
    except ValueError:
        return None


@page("/jobs/{id}")
async def show_job(desk: Desk, id: str) -> Reply:
    job = await desk.job(id)
    (view,) = await desk.views([job])
    told = await read_history(desk, job)
    runs = runs_of(job, told.updates)
    base = f"{desk.request.url.scheme}://{desk.request.url.netloc}{desk.api.url('')}"
    return desk.page(
        "job.html",
        here="jobs",
        now=job.seen_at,
        job=job,
        view=view,
        progress=progress_of(job),
        told=told,
        runs=runs,
        parts=parts_of(job, runs),
        why=await why_it_waits(desk, job),
        actions=actions_of(job),
        curl=as_curl(view, base),
        python=as_python(view),
        stream=_stream(desk, job, told),
    )


def _stream(desk: Desk, job: Job, told: Told) -> str:
    """Where the page's script reads on from what the page shows."""
    if job.state.ended:
        return ""
    seen = told.updates[-1].id if told.updates and not told.left_out else 0
    return desk.api.url(f"/jobs/{job.id}/events?after={seen}")


HANDLERS = (show_job,)
