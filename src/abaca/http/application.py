"""The ASGI program: routes, gate, and what holds for all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, cast

from litestar import Litestar, Request
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from abaca.app import App
from abaca.http.endpoint import Endpoint, Performer, failure
from abaca.http.errors import ApiError, Code
from abaca.http.gate import Gate
from abaca.http.replies import Reply
from abaca.http.routes import ENDPOINTS, HANDLERS
from abaca.http.service import Service
from abaca.http.settings import HttpSettings
from abaca.plugins import Plugin

_CODES = {400: Code.MALFORMED, 404: Code.NOT_FOUND, 405: Code.METHOD_NOT_ALLOWED, 413: Code.TOO_LARGE}


def asgi(app: App, settings: HttpSettings | None = None) -> Gate:
    """The service of this app, to be run by any ASGI server or mounted into another program.

    The store is opened at the first request. Close the app when you are done with it; where the server says that it
    ends (the lifespan protocol), the service closes what it has open of it.
    """
    plugins = app.plugins.declared
    service = Service(app, settings or HttpSettings(), _endpoints(plugins))
    return Gate(cast("Callable[..., Awaitable[None]]", _program(plugins)), service)


@lru_cache(maxsize=8)
def _program(plugins: tuple[Plugin, ...]) -> Litestar:
    """The routes, for every service with these plugins: a request tells whose it is. They take 0.2 s to make."""
    routes = [_route(endpoint) for endpoint in _endpoints(plugins)]
    pages = [page for plugin in plugins for page in plugin.handlers()]
    return Litestar(
        route_handlers=[*routes, *HANDLERS, *pages],
        exception_handlers={HTTPException: _refused, Exception: _failed},
        openapi_config=None,
        logging_config=None,
        request_max_body_size=None,
        debug=False,
        pdb_on_exception=False,
    )


def _endpoints(plugins: tuple[Plugin, ...]) -> tuple[Endpoint, ...]:
    return (*ENDPOINTS, *(endpoint for plugin in plugins for endpoint in plugin.endpoints()))


def _route(endpoint: Endpoint) -> HTTPRouteHandler:
    perform = Performer(endpoint)

    async def serve(request: Request[Any, Any, Any]) -> ASGIApp:
        return await perform(request)

    path = _typed(endpoint.whole_path)
    handler = HTTPRouteHandler(path, http_method=endpoint.method, status_code=200)  # type: ignore[arg-type]
    return handler(serve)


def _typed(path: str) -> str:
    return path.replace("}", ":str}")


def _refused(request: Request[Any, Any, Any], error: HTTPException) -> Any:
    code = _CODES.get(error.status_code, Code.INVALID)
    message = f"there is no {request.method} {request.url.path}" if error.status_code in (404, 405) else error.detail
    return _sent(request, ApiError(error.status_code, code, message, headers=dict(error.headers or {})))


def _failed(request: Request[Any, Any, Any], error: Exception) -> Any:
    return _sent(request, error)


def _sent(request: Request[Any, Any, Any], error: Exception) -> Any:
    return _Sendable(failure(error, request.scope["state"]["abaca.request_id"]))


class _Sendable:
    """What an exception handler of Litestar must answer: something that becomes an ASGI application."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def to_asgi_response(self, **_: Any) -> Reply:
        return self._reply
