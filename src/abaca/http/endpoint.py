"""How a route is declared, and how a request goes through it.

A route is a coroutine with ``@endpoint``. It takes the ``ApiRequest``, the parameters of its path as texts, and where
it wants them ``body`` and ``query``, structs that name and type every field. What it returns is encoded as JSON; its
docstring and types become the description of the API.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.types import ASGIApp

from abaca.carrying import carrying
from abaca.errors import ConfigError
from abaca.http.caller import Caller
from abaca.http.errors import ApiError, Code, problem, unauthenticated
from abaca.http.idempotency import HEADER
from abaca.http.replies import Answer, Reply, reply
from abaca.http.requests import API, ApiRequest, QueryReader, read_body
from abaca.http.service import Service
from abaca.logs import service_log

_PARAMETER = re.compile(r"\{(\w+)\}")

Handler = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One method of one path below ``/api/v1`` (or, with ``root``, of the service). ``scope=None`` is open to all.

    ``max_body``: bytes, or the name of the setting that says them, where they are more than the service's limit.
    ``takes``: what a handler that reads the body itself takes, by media type. ``errors``: status and code of errors
    that are the route's own. ``refusal``: makes an ``ApiError`` of what its application raises, and answers any other
    error as it is.
    """

    method: str
    path: str
    handler: Handler
    scope: str | None
    status: int
    root: bool
    tag: str
    answer: Any
    body: type[Any] | None
    query: type[Any] | None
    parameters: tuple[str, ...]
    max_body: int | str = 0
    examples: Mapping[str, Any] = field(default_factory=dict)
    takes: Mapping[str, type[Any]] = field(default_factory=dict)
    errors: tuple[tuple[int, str], ...] = ()
    refusal: Callable[[Exception], Exception] | None = None

    @property
    def whole_path(self) -> str:
        return self.path if self.root else API + self.path


def endpoint(
    method: str,
    path: str,
    *,
    scope: str | None,
    status: int = 200,
    root: bool = False,
    tag: str = "",
    max_body: int | str = 0,
    examples: Mapping[str, Any] | None = None,
    takes: Mapping[str, type[Any]] | None = None,
    errors: Iterable[tuple[int, str]] = (),
    refusal: Callable[[Exception], Exception] | None = None,
) -> Callable[[Handler], Endpoint]:
    """Declare a route. ``examples``: values of ``body`` and ``answer`` for the description. ``refusal``: takes what the
    route raised, and answers the ``ApiError`` that it is to the caller, or the error itself.

    A route with ``takes`` has no ``body``: it reads ``request.body_parts()`` or ``request.json()`` by itself, and does
    its work in ``request.once``, so that a repetition under the same ``Idempotency-Key`` is told by what was read.
    """

    def declare(handler: Handler) -> Endpoint:
        signature = inspect.signature(handler, eval_str=True)
        names = tuple(_PARAMETER.findall(path))
        given = dict(signature.parameters)
        taken = {"request", "body", "query", *names}
        if wrong := set(given) - taken or set(names) - set(given):
            raise ConfigError(f"route {method} {path}: parameter {min(wrong)!r} is not of its path")
        if takes and "body" in given:
            raise ConfigError(f"route {method} {path}: a handler with takes reads its body itself")
        return Endpoint(
            method=method,
            path=path,
            handler=handler,
            scope=scope,
            status=status,
            root=root,
            max_body=max_body,
            tag=tag or path.strip("/").partition("/")[0],
            answer=signature.return_annotation,
            body=given["body"].annotation if "body" in given else None,
            query=given["query"].annotation if "query" in given else None,
            parameters=names,
            examples=examples or {},
            takes=takes or {},
            errors=tuple(errors),
            refusal=refusal,
        )

    return declare


class Performer:
    """Takes requests through one endpoint: scope, body, query, the handler, the answer."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._decoder = None if endpoint.body is None else msgspec.json.Decoder(endpoint.body)
        self._query = None if endpoint.query is None else QueryReader(endpoint.query)

    async def __call__(self, request: Request[Any, Any, Any]) -> ASGIApp:
        request_id: str = request.scope["state"]["abaca.request_id"]
        try:
            return await self._answer(request, request_id)
        except Exception as error:
            return failure(self._refused(error), request_id)

    def _refused(self, error: Exception) -> Exception:
        refusal = self._endpoint.refusal
        return error if refusal is None else refusal(error)

    async def _answer(self, connection: Request[Any, Any, Any], request_id: str) -> ASGIApp:
        endpoint = self._endpoint
        caller = permitted(connection.scope["state"].get("abaca.caller"), endpoint.scope)
        given: dict[str, Any] = {}
        for name in endpoint.parameters:
            given[name] = connection.scope["path_params"][name]
        if self._query is not None:
            given["query"] = self._query.read(connection.scope["query_string"])
        request = ApiRequest(connection, service_of(connection), caller, request_id)
        key = request.header(HEADER) if endpoint.method == "POST" else None
        seconds: float = getattr(given.get("query"), "wait", 0.0)
        if key is not None and endpoint.takes:
            request.repeated = partial(self._once, request, key, seconds)
        elif key is not None:
            return await self._once(request, key, seconds, await request.body(), partial(self._perform, request, given))
        return await self._perform(request, given)

    async def _once(
        self, request: ApiRequest, key: str, seconds: float, body: bytes, act: Callable[[], Awaitable[Any]]
    ) -> ASGIApp:
        """The same for a request that may have been heard before."""
        scope = request.connection.scope
        asked = b"\0".join((scope["path"].encode(), scope["query_string"], body))

        async def work(seed: str) -> ASGIApp:
            request.seed = seed
            try:
                return as_reply(await act(), self._endpoint.status, request.connection)
            except Exception as error:
                return failure(self._refused(error), request.id)

        return await request.service.answers.once(request.app.client(), request.caller, key, asked, seconds, work)

    async def _perform(self, request: ApiRequest, given: dict[str, Any]) -> ASGIApp:
        if self._decoder is not None:
            depth = request.service.settings.max_depth
            given["body"] = await read_body(request, self._decoder, depth)
        if self._endpoint.method != "GET" and (carried := request.carried):
            with carrying(carried):
                answer = await self._endpoint.handler(request, **given)
        else:
            answer = await self._endpoint.handler(request, **given)
        return as_reply(answer, self._endpoint.status, request.connection)


def permitted(caller: Caller | ApiError | None, scope: str | None) -> Caller:
    """Raises ``ApiError``: 401 for nobody, 403 for somebody who may not."""
    if scope is None:
        return caller if isinstance(caller, Caller) else Caller()
    if isinstance(caller, ApiError):
        raise caller
    if caller is None:
        raise unauthenticated("this needs a key: Authorization: Bearer abaca_...")
    if scope:
        caller.require(scope)
    return caller


def caller_of(request: Request[Any, Any, Any]) -> Caller:
    """For handlers of Litestar: who calls. Raises ``ApiError`` (401) for nobody."""
    return permitted(request.scope["state"].get("abaca.caller"), "")


def service_of(request: Request[Any, Any, Any]) -> Service:
    """For handlers of Litestar: their service."""
    service: Service = request.scope["state"]["abaca.service"]
    return service


def as_reply(answer: Any, status: int, request: Request[Any, Any, Any]) -> ASGIApp:
    if isinstance(answer, Reply):
        return answer
    if isinstance(answer, Answer):
        return reply(status if answer.status is None else answer.status, answer.body, answer.headers)
    if isinstance(answer, Response):
        return answer.to_asgi_response(app=None, request=request)
    return reply(204 if answer is None else status, answer)


def failure(error: Exception, request_id: str) -> Reply:
    """The answer for an error; one that nobody foresaw is logged, and answered without saying what it was."""
    found = problem(error)
    if found is None:
        service_log().error("request failed", request_id=request_id, exc_info=error)
        found = ApiError(500, Code.INTERNAL, "the service failed at this request; its log has this request_id")
    return reply(found.status, found.answer(request_id), found.headers)
