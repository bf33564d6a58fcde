"""Lists of runs that have ended, for each kind of run."""

from __future__ import annotations

from abaca.http import ApiRequest, Items, opened, sealed
from abaca_strategies.registry import RunKind, RunRecord
from abaca_strategies.requests import UserId
from abaca_strategies.web.bodies import Pages
from abaca_strategies.web.callers import seen_by
from abaca_strategies.web.declaring import strategies_of


class ListRuns(Pages, frozen=True, kw_only=True):
    """``strategy_id``: runs of one strategy, also where it was deleted. ``user_id``: those of one user, for an admin.
    Everybody else sees their own."""

    strategy_id: int | None = None
    user_id: UserId | None = None


async def runs_of(request: ApiRequest, kind: RunKind, query: ListRuns) -> Items[RunRecord]:
    page = await strategies_of(request).runs.list(
        kind=kind,
        strategy_id=query.strategy_id,
        user_id=seen_by(request.caller, query.user_id),
        cursor=opened(query.cursor),
        limit=query.limit,
    )
    return Items(items=page.items, next_cursor=sealed(page.cursor))
