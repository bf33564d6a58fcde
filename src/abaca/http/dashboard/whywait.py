"""Why a job does not run, for its page: the sentence, whom it waits for, and what would help."""

from __future__ import annotations

import msgspec

from abaca.errors import JobNotFound
from abaca.http.dashboard.desk import Desk
from abaca.model import Job, State
from abaca.views.why import Why, why


async def why_it_waits(desk: Desk, job: Job) -> Why | None:
    """``None`` for a job that does not wait, or is gone by now. Jobs that the caller may not see are not named."""
    if job.state is not State.WAITING:
        return None
    try:
        found = await why(desk.app, job.id)
    except JobNotFound:
        return None
    ids = [other.id for other in found.jobs]
    if not ids or desk.caller.is_admin:
        return found
    others = await desk.ask(lambda backend: backend.get(ids))
    if all(other is not None and desk.caller.sees(other) for other in others):
        return found
    return msgspec.structs.replace(found, jobs=(), sentence=f"It waits for others ({found.cause.replace('_', ' ')}).")
