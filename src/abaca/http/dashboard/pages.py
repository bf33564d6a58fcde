"""How pages and forms are declared: each becomes a route of Litestar, answers errors as pages, and checks who asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from abaca.http.caller import Scope
from abaca.http.dashboard.csrf import FIELD, check_form
from abaca.http.dashboard.desk import UI, Desk
from abaca.http.endpoint import permitted, service_of
from abaca.http.errors import ApiError, Code, problem
from abaca.http.replies import Reply
from abaca.logs import service_log

Form = Mapping[str, str]
PageHandler = Callable[..., Awaitable[Reply]]
_FORM_TYPE = "application/x-www-form-urlencoded"


def page(path: str, *, scope: str | None = Scope.READ) -> Callable[[PageHandler], HTTPRouteHandler]:
    """Declare a page: a coroutine of the ``Desk`` and the parameters of its path. ``scope=None`` is open to all."""

    def declare(handler: PageHandler) -> HTTPRouteHandler:
        async def serve(request: Request[Any, Any, Any]) -> ASGIApp:
            desk = _desk(request)
            return await _answered(desk, handler, scope, request.path_params)

        return HTTPRouteHandler(_typed(path), http_method="GET")(serve)

    return declare


def act(path: str, *, scope: str | None = Scope.WRITE) -> Callable[[PageHandler], HTTPRouteHandler]:
    """Declare what a form does: the same, with ``form``, its fields; the token of the session has been checked."""

    def declare(handler: PageHandler) -> HTTPRouteHandler:
        async def serve(request: Request[Any, Any, Any]) -> ASGIApp:
            desk = _desk(request)

            async def checked(desk: Desk, **params: Any) -> Reply:
                form = await _form(request)
                check_form(desk.caller, request.headers, form.get(FIELD, ""))
                return await handler(desk, form=form, **params)

            return await _answered(desk, checked, scope, request.path_params)

        return HTTPRouteHandler(_typed(path), http_method="POST", status_code=303)(serve)

    return declare


def _typed(path: str) -> str:
    return UI + path.replace("}", ":str}")


def _desk(request: Request[Any, Any, Any]) -> Desk:
    return Desk(request, service_of(request))


async def _answered(desk: Desk, handler: PageHandler, scope: str | None, params: Mapping[str, Any]) -> Reply:
    try:
        permitted(desk.request.scope["state"].get("abaca.caller"), scope)
        return await handler(desk, **params)
    except Exception as error:
        return _failed(desk, error)


def _failed(desk: Desk, error: Exception) -> Reply:
    found = problem(error)
    if found is None:
        service_log().error("page failed", request_id=desk.api.id, exc_info=error)
        found = ApiError(500, Code.INTERNAL, "the service failed at this page; its log has this request's id")
    if found.status == 401:
        query = desk.request.scope["query_string"].decode("latin-1")
        here = desk.request.scope["path"] + (f"?{query}" if query else "")
        return desk.see_other("/login", params={"next": here} if desk.request.method == "GET" else None)
    return desk.page("error.html", status=found.status, error=found, request_id=desk.api.id)


async def _form(request: Request[Any, Any, Any]) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _FORM_TYPE:
        raise ApiError(415, Code.UNSUPPORTED_TYPE, f"a form is sent as {_FORM_TYPE}; nothing was done")
    body = (await request.body()).decode("utf-8", "replace")
    return dict(parse_qsl(body, keep_blank_values=True))
