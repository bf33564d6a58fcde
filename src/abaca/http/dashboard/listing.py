"""The list of jobs: filtered by its URL, page by page along the store's own order."""

from __future__ import annotations

import re

import msgspec

from abaca.http.dashboard.desk import Desk, text
from abaca.http.dashboard.filters import SINCE, JobFilter, has_blanks, read_filter
from abaca.http.dashboard.pages import page
from abaca.http.dashboard.searching import find_jobs, glance
from abaca.http.replies import Reply
from abaca.model import Job, Status

_ID = re.compile(r"[0-9a-f]{32}")
MOST_NEW = 99
WAITING = (Status.QUEUED, Status.SCHEDULED, Status.RETRYING, Status.BLOCKED)
LIVE = (*WAITING, Status.RUNNING)
ENDED = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


@page("/jobs")
async def list_jobs(desk: Desk) -> Reply:
    raw: bytes = desk.request.scope["query_string"]
    chosen = read_filter(raw)
    if (id := chosen.q.lower().replace("-", "")) and _ID.fullmatch(id):
        return desk.see_other(f"/jobs/{id}")
    if has_blanks(raw):
        return desk.see_other("/jobs", params=chosen.params(cursor=chosen.cursor))
    found = await find_jobs(desk, chosen, chosen.limit)
    return desk.page(
        "jobs.html",
        here="jobs",
        now=found.jobs[0].seen_at if found.jobs else None,
        chosen=chosen,
        rows=list(zip(found.jobs, await desk.views(found.jobs), strict=True)),
        older=desk.url("/jobs", chosen.params(cursor=found.cursor)) if found.cursor else "",
        newest=desk.url("/jobs", chosen.params()) if chosen.cursor else "",
        new=desk.url("/jobs/new", chosen.params()) if not chosen.cursor else "",
        since=SINCE,
        bulk=_bulk(chosen),
        tasks=sorted(desk.app.tasks),
        newest_at=_newest(found.jobs, desk.now),
    )


@page("/jobs/new")
async def count_new(desk: Desk) -> Reply:
    """How many jobs of a list were created after the page was made, for its script: digits alone."""
    after = desk.request.query_params.get("after", "")
    chosen = read_filter(desk.request.scope["query_string"])
    query = chosen.query(await desk.clock(), desk.owner, limit=MOST_NEW)
    floor = max(int(after) if after.isdecimal() else desk.now, query.created_after or 0)
    newer = msgspec.structs.replace(query, created_after=floor, cursor=None)
    return text(str(len(await glance(desk, newer, MOST_NEW))))


def _newest(jobs: list[Job], now: int) -> int:
    return max((job.created_at for job in jobs), default=now)


def _bulk(chosen: JobFilter) -> list[tuple[str, str, dict[str, str | list[str]]]]:
    """Which actions on all that the list shows make sense: name, word, and the filter narrowed to what they can hit."""
    statuses = set(chosen.status or Status)
    found = []
    if statuses & set(LIVE):
        found.append(("cancel", "Cancel all", chosen.only(*LIVE).params()))
    if statuses & {Status.FAILED, Status.CANCELLED}:
        found.append(("requeue", "Requeue all", chosen.only(Status.FAILED, Status.CANCELLED).params()))
    if statuses - {Status.RUNNING}:
        found.append(("delete", "Delete all", chosen.only(*WAITING, *ENDED).params()))
    return found


HANDLERS = (list_jobs, count_new)
