"""``/environments``: the compilers that live workers have."""

from __future__ import annotations

import msgspec

from abaca.http import ApiError, ApiRequest, Items, Scope, endpoint
from abaca_compile.model import Environment
from abaca_compile.service.fleet import Fleet
from abaca_compile.web.asking import compiler_of


class Having(msgspec.Struct, frozen=True, kw_only=True):
    """A live worker, and whether it can run this compiler. ``reason`` says why not."""

    worker: str
    available: bool
    reason: str | None


class EnvironmentView(msgspec.Struct, frozen=True, kw_only=True):
    """A compiler for one language. ``id`` is what a submission names. ``workers`` are the live ones."""

    id: str
    language: str
    compiler: str
    family: str
    version: str
    target: str
    architecture: str
    os: str
    standards: tuple[str, ...]
    default_standard: str | None
    default_flags: tuple[str, ...]
    modes: tuple[str, ...]
    runs: bool
    aliases: tuple[str, ...]
    provider: str
    diagnostics: str
    available: bool
    reason: str | None
    remedy: str | None
    workers: list[Having]


class ListEnvironments(msgspec.Struct, frozen=True, kw_only=True):
    """``available``: only those that can be used, or only those that cannot."""

    language: str | None = None
    available: bool | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """``workers``: how many were asked. What they find is listed a few seconds later."""

    workers: int


@endpoint("GET", "/environments", scope=Scope.READ)
async def list_environments(request: ApiRequest, query: ListEnvironments) -> Items[EnvironmentView]:
    """List compilers by language, the default of each language first. Those that cannot be used say why."""
    fleet = await compiler_of(request).fleet()
    found = [
        _view(environment, fleet)
        for environment in fleet.catalogue.environments
        if query.language in (None, environment.language) and query.available in (None, environment.available)
    ]
    return Items(items=found)


@endpoint("GET", "/environments/{id}", scope=Scope.READ)
async def get_environment(request: ApiRequest, id: str) -> EnvironmentView:
    """Read one compiler."""
    fleet = await compiler_of(request).fleet()
    environment = fleet.catalogue.get(id)
    if environment is None:
        near = fleet.catalogue.near(id)
        raise ApiError(404, "unknown_environment", f"there is no environment {id[:60]!r} here", details={"near": near})
    return _view(environment, fleet)


@endpoint("POST", "/environments/refresh", scope=Scope.ADMIN, status=202)
async def refresh_environments(request: ApiRequest) -> Asked:
    """Ask every live worker to look again for compilers."""
    compiler = compiler_of(request)
    await compiler.fleets.refresh()
    return Asked(workers=len((await compiler.fleet()).live))


def _view(environment: Environment, fleet: Fleet) -> EnvironmentView:
    having = [
        Having(
            worker=worker,
            available=mine is not None and mine.available,
            reason="it is not installed there" if mine is None else mine.reason,
        )
        for worker, mine in fleet.having(environment.id).items()
    ]
    hidden = {"workers", "family"}
    fields = {name: getattr(environment, name) for name in EnvironmentView.__struct_fields__ if name not in hidden}
    return EnvironmentView(**fields, family=environment.family.value, workers=having)


ENDPOINTS = (list_environments, get_environment, refresh_environments)
