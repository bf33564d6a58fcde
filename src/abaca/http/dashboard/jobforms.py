"""What the forms of a job's page do."""

from __future__ import annotations

from typing import Any

import msgspec

from abaca.checks import check_priority
from abaca.codec import new_id
from abaca.durations import parse_duration
from abaca.http.dashboard.acting import ACTS, in_words
from abaca.http.dashboard.desk import Desk
from abaca.http.dashboard.pages import Form, act
from abaca.http.dashboard.times import micros, utc
from abaca.http.errors import ApiError, Code, conflict, invalid
from abaca.http.replies import Reply
from abaca.model import Amended, Change, Inserted, Job, State
from abaca.patience import refusal
from abaca.views.payloads import MASK, arguments_of


@act("/jobs/{id}/cancel")
async def cancel(desk: Desk, form: Form, id: str) -> Reply:
    job = await desk.job(id)
    return desk.see_other(f"/jobs/{job.id}", in_words(await ACTS["cancel"](desk, [job])))


@act("/jobs/{id}/requeue")
async def requeue(desk: Desk, form: Form, id: str) -> Reply:
    job = await desk.job(id)
    return desk.see_other(f"/jobs/{job.id}", in_words(await ACTS["requeue"](desk, [job])))


@act("/jobs/{id}/delete")
async def delete(desk: Desk, form: Form, id: str) -> Reply:
    job = await desk.job(id)
    done = await ACTS["delete"](desk, [job])
    return desk.see_other("/jobs" if done["deleted"] else f"/jobs/{job.id}", in_words(done))


@act("/jobs/{id}/priority")
async def set_priority(desk: Desk, form: Form, id: str) -> Reply:
    text = form.get("priority", "").strip()
    priority = check_priority(int(text) if text.isdecimal() and len(text) < 4 else text)  # type: ignore[arg-type]
    job = await desk.job(id)
    await _amend(desk, job, Change(id=job.id, revision=job.revision, priority=priority))
    return desk.see_other(f"/jobs/{job.id}", f"Its priority is {priority} now.")


@act("/jobs/{id}/reschedule")
async def reschedule(desk: Desk, form: Form, id: str) -> Reply:
    """``when`` is a length of time from now, or a time; empty is now."""
    text = form.get("when", "").strip()
    job = await desk.job(id)
    change = Change(id=job.id, revision=job.revision)
    try:
        change = msgspec.structs.replace(change, run_at=micros(utc(text)))
    except ValueError:
        change = msgspec.structs.replace(change, delay_ms=parse_duration(text or "0s", "due"))
    await _amend(desk, job, change)
    return desk.see_other(f"/jobs/{job.id}", "Its new due time is stored." if text else "It is due now.")


@act("/jobs/{id}/edit")
async def edit(desk: Desk, form: Form, id: str) -> Reply:
    """A new job with other arguments takes the place of a failed one, which stays as the evidence."""
    job = await desk.job(id)
    if job.state is not State.FAILED or job.purged:
        raise conflict(f"job {job.id} is {job.status}; only the arguments of a failed job can be edited")
    args = await _arguments(desk, job, form.get("args", ""))
    fresh = msgspec.structs.replace(job.spec, id=new_id(), args=args, delay_ms=0, run_at=None, tick=None)
    receipt = await desk.app.client().insert(fresh)
    if receipt.outcome is Inserted.REFUSED:
        raise refusal(fresh, receipt)
    return desk.see_other(f"/jobs/{receipt.id}", f"This job runs with the edited arguments in place of {job.id}.")


async def _arguments(desk: Desk, job: Job, text: str) -> bytes:
    """Checked and written as for a new job. A secret one that is still masked stays as it was."""
    try:
        given = msgspec.json.decode(text.encode(), type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as error:
        raise invalid(f"the arguments are no JSON object: {error}; nothing was done", "args") from error
    secret = (await desk.api.secrets([job.spec.task]))[job.spec.task]
    if any(given.get(name) == MASK for name in secret):
        whole = await desk.app.blobs.whole_arguments(job)
        stored = arguments_of(whole.spec.args)
        given |= {name: stored[name] for name in secret if given.get(name) == MASK and name in stored}
    return (await desk.app.named_job(job.spec.task, given, pool="async")).args


async def _amend(desk: Desk, job: Job, change: Change) -> None:
    answer = (await desk.ask(lambda backend: backend.amend([change])))[0]
    match answer:
        case Amended.BUSY:
            raise conflict(f"job {job.id} runs by now, so it cannot be changed")
        case Amended.STALE:
            raise conflict(f"job {job.id} changed meanwhile; look at it again")
        case Amended.UNKNOWN:
            raise ApiError(404, Code.JOB_NOT_FOUND, f"there is no job {job.id} any more")
        case Amended.APPLIED:
            return


HANDLERS = (cancel, requeue, delete, set_priority, reschedule, edit)
