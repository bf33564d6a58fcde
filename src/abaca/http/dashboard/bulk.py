"""One act on all jobs of a filter: first how many it hits, then, when asked again, the act."""

from __future__ import annotations

from urllib.parse import urlencode

from abaca.http.caller import Scope
from abaca.http.dashboard.acting import ACTS, in_words
from abaca.http.dashboard.desk import Desk
from abaca.http.dashboard.filters import JobFilter, read_filter
from abaca.http.dashboard.listing import ENDED, LIVE, WAITING
from abaca.http.dashboard.pages import Form, act, page
from abaca.http.dashboard.searching import Found, find_jobs
from abaca.http.errors import ApiError, Code
from abaca.http.replies import Reply
from abaca.model import Status

MOST = 10_000
"""Jobs that one confirmation covers; with more, the page says so and the act is asked for again."""
_SHOWN = 10
_CAN_HIT: dict[str, tuple[Status, ...]] = {"cancel": LIVE, "requeue": ENDED, "delete": (*WAITING, *ENDED)}


@page("/bulk/{name}", scope=Scope.WRITE)
async def ask_first(desk: Desk, name: str) -> Reply:
    chosen = _narrowed(name, desk.request.scope["query_string"])
    found = await _hit(desk, name, chosen)
    some = found.jobs[:_SHOWN]
    return desk.page(
        "bulk.html",
        here="jobs",
        act=name,
        chosen=chosen,
        filter=urlencode(chosen.params(), doseq=True),
        number=len(found.jobs),
        has_more=found.cursor is not None,
        rows=list(zip(some, await desk.views(some), strict=True)),
    )


@act("/bulk/{name}")
async def do_it(desk: Desk, form: Form, name: str) -> Reply:
    chosen = _narrowed(name, form.get("filter", "").encode())
    found = await _hit(desk, name, chosen)
    done = await ACTS[name](desk, found.jobs)
    back = "/failed" if form.get("back") == "failed" else "/jobs"
    return desk.see_other(back, in_words(done), chosen.only().params() if back == "/jobs" else None)


def _narrowed(name: str, query: bytes) -> JobFilter:
    """The filter, of its statuses only those that the act can hit."""
    if name not in ACTS:
        raise ApiError(404, Code.NOT_FOUND, f"there is no act {name!r}")
    return read_filter(query).only(*_CAN_HIT[name])


async def _hit(desk: Desk, name: str, chosen: JobFilter) -> Found:
    if not chosen.status:
        return Found([], None)
    return await find_jobs(desk, chosen, MOST)


HANDLERS = (ask_first, do_it)
