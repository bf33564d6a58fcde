"""The assets as routes. Their URLs carry a mark of their content, so that browsers may keep them for a year."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from abaca.http.dashboard import assets
from abaca.http.dashboard.desk import UI, Desk, redirect
from abaca.http.dashboard.pages import page
from abaca.http.errors import ApiError, Code
from abaca.http.replies import Reply


@page("/assets/{name}", scope=None)
async def asset(desk: Desk, name: str) -> Reply:
    return _file(desk, assets.OWN, name)


@page("/assets/{plugin}/{name}", scope=None)
async def plugin_asset(desk: Desk, plugin: str, name: str) -> Reply:
    return _file(desk, desk.package(plugin), name)


def _file(desk: Desk, package: str, name: str) -> Reply:
    if not package or name not in assets.names(package):
        raise ApiError(404, Code.NOT_FOUND, f"there is no file {name!r}")
    data, kind, mark = assets.read(name, package)
    fresh = desk.request.query_params.get("v") == mark
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(data)).encode()),
        (b"cache-control", b"public, max-age=31536000, immutable" if fresh else b"no-cache"),
    ]
    return Reply(200, data, headers)


async def _root(request: Request[Any, Any, Any]) -> ASGIApp:
    """Whoever opens the service's address alone is a person."""
    return redirect(f"{request.scope['state'].get('abaca.prefix', '')}{UI}")


root = HTTPRouteHandler("/", http_method="GET", status_code=303)(_root)

HANDLERS = (asset, plugin_asset, root)
