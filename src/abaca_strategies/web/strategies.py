"""``/strategies``: what there is, read, changed and deleted, with every version of it."""

from __future__ import annotations

import msgspec

from abaca.http import ApiRequest, Items, opened, sealed
from abaca_strategies.errors import VersionNotFound
from abaca_strategies.models import Strategy, Version
from abaca_strategies.registry import Finding, Head, VersionInfo
from abaca_strategies.requests import EditStrategyRequest, UserId, ValidateRequest
from abaca_strategies.web.bodies import JSON, MAX_BODY, Pages, asked, position
from abaca_strategies.web.callers import head_for, seen_by, strategy_for, strategy_id
from abaca_strategies.web.declaring import (
    CODE_REFUSED,
    CONFLICT,
    INVALID,
    NO_STRATEGY,
    NO_VERSION,
    route,
    strategies_of,
)

_CODE = "def signals(df, params):\n    return (df['close'] > df['close'].shift(50)).astype(float)\n"


class ListStrategies(Pages, frozen=True, kw_only=True):
    """``user_id``: those of one user, for an admin. Everybody else sees their own."""

    user_id: UserId | None = None


class ReadStrategy(msgspec.Struct, frozen=True, kw_only=True):
    """``version``: by default the newest."""

    version: Version | None = None


class ReadDiff(msgspec.Struct, frozen=True, kw_only=True):
    """``from`` and ``to`` are versions; ``to`` is by default the newest."""

    before: Version = msgspec.field(name="from")
    after: Version | None = msgspec.field(default=None, name="to")


class StrategyHead(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A strategy without its code. ``version`` is the newest."""

    strategy_id: int
    user_id: int
    name: str
    description: str
    version: int
    score: float | None
    created_at: str
    updated_at: str
    is_alert_active: bool
    alert_threshold: float | None
    alert_universe: list[str] | None
    min_timeframe: str | None
    alert_last_trigger_at: str | None


class DiffView(
    msgspec.Struct, frozen=True, kw_only=True, rename={"strategy_id": "strategyId", "before": "from", "after": "to"}
):
    """``diff`` is unified, and empty where the code is the same."""

    strategy_id: int
    before: int
    after: int
    diff: str


class Validated(msgspec.Struct, frozen=True, kw_only=True):
    """``ok``: there is no error among the findings. Notes keep no code from running."""

    ok: bool
    findings: list[Finding]


@route("GET", "/strategies", errors=(INVALID,))
async def list_strategies(request: ApiRequest, query: ListStrategies) -> Items[StrategyHead]:
    """List strategies without their code, the newest first."""
    wanted = seen_by(request.caller, query.user_id)
    page = await strategies_of(request).registry.list(cursor=opened(query.cursor), limit=query.limit, user_id=wanted)
    return Items(items=[_head(each) for each in page.items], next_cursor=sealed(page.cursor))


@route("GET", "/strategies/{id}", errors=(NO_STRATEGY, NO_VERSION))
async def get_strategy(request: ApiRequest, id: str, query: ReadStrategy) -> Strategy:
    """Read a strategy with its code."""
    return await strategy_for(request, id, query.version)


@route(
    "PATCH",
    "/strategies/{id}",
    max_body=MAX_BODY,
    takes={JSON: EditStrategyRequest},
    errors=(NO_STRATEGY, CONFLICT, CODE_REFUSED, INVALID),
    examples={"body": {"python_code": _CODE, "from_version": 1}},
)
async def change_strategy(request: ApiRequest, id: str) -> Strategy:
    """Change a strategy. New code or a new name make a new version, and the versions before stay.

    409 where ``from_version`` is not the newest any more: somebody else changed it meanwhile, and nothing was changed.
    """
    change = await asked(request, EditStrategyRequest)
    await head_for(request, id)
    return await strategies_of(request).registry.edit(strategy_id(id), change)


@route("DELETE", "/strategies/{id}", status=204, errors=(NO_STRATEGY,))
async def delete_strategy(request: ApiRequest, id: str) -> None:
    """Delete a strategy with all its versions. Its runs stay readable, and its id is never given again."""
    await head_for(request, id)
    await strategies_of(request).registry.delete(strategy_id(id))


@route("GET", "/strategies/{id}/versions", errors=(NO_STRATEGY, INVALID))
async def list_versions(request: ApiRequest, id: str, query: Pages) -> Items[VersionInfo]:
    """List the versions of a strategy without their code, the newest first."""
    await head_for(request, id)
    before = position(query.cursor, 1 << 31)
    found = [each for each in await strategies_of(request).registry.versions(strategy_id(id)) if each.version < before]
    items = found[: query.limit]
    more = len(found) > query.limit
    return Items(items=items, next_cursor=sealed(str(items[-1].version)) if more else None)


@route("GET", "/strategies/{id}/versions/{version}", errors=(NO_STRATEGY, NO_VERSION))
async def get_version(request: ApiRequest, id: str, version: str) -> Strategy:
    """Read one version with its code. One that is missing is never replaced by another."""
    if not (version.isascii() and version.isdecimal() and len(version) <= 9):
        head = await head_for(request, id)
        raise VersionNotFound(head.strategy_id, version[:20], head.newest)
    return await strategy_for(request, id, int(version))


@route("GET", "/strategies/{id}/diff", errors=(NO_STRATEGY, NO_VERSION))
async def diff_versions(request: ApiRequest, id: str, query: ReadDiff) -> DiffView:
    """Compare the code of two versions."""
    head = await head_for(request, id)
    after = head.newest if query.after is None else query.after
    text = await strategies_of(request).registry.diff(head.strategy_id, query.before, after)
    return DiffView(strategy_id=head.strategy_id, before=query.before, after=after, diff=text)


@route(
    "POST",
    "/strategies/validate",
    max_body=MAX_BODY,
    takes={JSON: ValidateRequest},
    errors=(INVALID,),
    examples={"body": {"python_code": _CODE}},
)
async def validate_strategy(request: ApiRequest) -> Validated:
    """Say what is wrong with code and what may be, by line, without running or keeping any of it."""
    body = await asked(request, ValidateRequest)
    findings = strategies_of(request).registry.validate(body.python_code)
    return Validated(ok=not any(each.severity == "error" for each in findings), findings=findings)


def _head(head: Head) -> StrategyHead:
    same = {name: getattr(head, name) for name in StrategyHead.__struct_fields__ if name != "version"}
    return StrategyHead(version=head.newest, **same)


ENDPOINTS = (
    validate_strategy,
    list_strategies,
    get_strategy,
    change_strategy,
    delete_strategy,
    list_versions,
    get_version,
    diff_versions,
)
