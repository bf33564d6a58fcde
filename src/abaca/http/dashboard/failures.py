"""Failed jobs, which are the dead letters, grouped by their error."""

from __future__ import annotations

from abaca.http.dashboard.desk import Desk
from abaca.http.dashboard.filters import read_filter
from abaca.http.dashboard.pages import page
from abaca.http.dashboard.searching import find_jobs
from abaca.http.replies import Reply
from abaca.model import Status
from abaca.views.failures import grouped

LOOKED_AT = 2_000
SHOWN = 100


@page("/failed")
async def list_failures(desk: Desk) -> Reply:
    chosen = read_filter(desk.request.scope["query_string"]).only(Status.FAILED)
    found = await find_jobs(desk, chosen, LOOKED_AT)
    groups = grouped(found.jobs)
    return desk.page(
        "failed.html",
        here="failed",
        now=found.jobs[0].seen_at if found.jobs else None,
        chosen=chosen,
        groups=groups[:SHOWN],
        group_count=len(groups),
        looked_at=len(found.jobs),
        has_more=found.cursor is not None,
    )


HANDLERS = (list_failures,)
