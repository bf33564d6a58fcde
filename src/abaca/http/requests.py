"""One request as routes see it: who calls, the app, the store; and how its body and its query are read."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar, cast, get_origin
from urllib.parse import parse_qsl

import msgspec
from litestar import Request

from abaca.app import App
from abaca.backend import Backend
from abaca.codec.ids import seeded_id
from abaca.current import REQUEST_ID
from abaca.errors import ResultTimeout
from abaca.http.caller import Caller
from abaca.http.errors import ApiError, Code, invalid, malformed
from abaca.http.service import Service
from abaca.model import Job

T = TypeVar("T")

API = "/api/v1"
_TEXT_OR_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)|[\[\]{}]', re.DOTALL)
"""A text ends at the latest where the data does, so that no byte is looked at twice."""
_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


class ApiRequest:
    """What a route is given. ``id`` is the request's id, as answered in ``X-Request-Id``."""

    __slots__ = ("_body", "caller", "connection", "id", "repeated", "seed", "service")

    def __init__(self, connection: Request[Any, Any, Any], service: Service, caller: Caller, id: str) -> None:
        self.connection = connection
        self.service = service
        self.caller = caller
        self.id = id
        self._body: bytes | None = None
        self.seed: str | None = None
        """What the ids of new jobs are made of in a request that may be repeated."""
        self.repeated: Callable[[bytes, Callable[[], Awaitable[Any]]], Awaitable[Any]] | None = None

    @property
    def app(self) -> App:
        return self.service.app

    async def backend(self) -> Backend:
        return await self.app.backend()

    async def ask(self, verb: Callable[[Backend], Awaitable[T]]) -> T:
        """Call a verb of the store, a few times while it is away. Raises ``BackendUnavailable``, which answers 503."""
        return await self.app.client().ask(verb)

    def header(self, name: str) -> str | None:
        value: bytes | None = self.connection.scope["state"]["abaca.headers"].get(name.lower().encode())
        return None if value is None else value.decode("latin-1")

    async def body(self, most: int | None = None) -> bytes:
        """The whole body. Raises ``ApiError`` (413) above the route's limit, or above ``most`` bytes."""
        if self._body is None:
            parts, room = [], most
            async for part in self.body_parts():
                parts.append(part)
                if room is not None and (room := room - len(part)) < 0:
                    raise ApiError(413, Code.TOO_LARGE, f"the body is above the limit of {most:,} bytes")
            self._body = b"".join(parts)
        return self._body

    async def body_parts(self) -> AsyncIterator[bytes]:
        """The body as it comes, once, for what is too large to hold. Raises like ``body``."""
        more = True
        while more:
            message: Any = await self.connection.receive()
            if message["type"] == "http.disconnect":
                raise malformed("the body broke off")
            yield message.get("body", b"")
            more = message.get("more_body", False)

    async def json(self, type: type[T], most: int | None = None) -> T:
        """The body as a struct, for routes that take other bodies too. Raises ``ApiError`` like a route's own body."""
        await self.body(most)
        return await read_body(self, msgspec.json.Decoder(type), self.service.settings.max_depth)

    async def once(self, asked: bytes, work: Callable[[], Awaitable[T]]) -> T:
        """What ``work`` answers; to a repetition under the same ``Idempotency-Key``, what it answered before.
        ``asked`` is all that makes the body what it is. For routes that read their body themselves."""
        if self.repeated is None:
            return await work()
        return cast("T", await self.repeated(asked, work))

    @property
    def carried(self) -> dict[str, str]:
        """What a new job of this request takes along: the trace and the request's id, where the caller gave them."""
        carried = {}
        trace = self.header("traceparent")
        if trace is not None and _TRACE.fullmatch(trace):
            carried["traceparent"] = trace
        if self.header(REQUEST_ID) == self.id:
            carried[REQUEST_ID] = self.id
        return carried

    @property
    def prefix(self) -> str:
        """The path under which another program has mounted the service; empty where none has."""
        prefix: str = self.connection.scope["state"].get("abaca.prefix", "")
        return prefix

    def url(self, path: str) -> str:
        """The path of a resource of the API as this caller reaches it: ``url("/jobs/123")``."""
        return f"{self.prefix}{API}{path}"

    async def job(self, id: str) -> Job:
        """The job, if it is there and this caller may know of it; otherwise 404, and the two look alike."""
        wanted = job_id(id)
        (job,) = await self.ask(lambda backend: backend.get([wanted]))
        if job is None or not self.caller.sees(job):
            raise no_job(id)
        return job

    async def ended(self, job: Job, seconds: float) -> Job:
        """The job when it has ended, or as it is after so many seconds."""
        if job.state.ended or not seconds:
            return job
        try:
            return await self.app.client().ended(job.id, seconds, needs_value=False, whole=False)
        except ResultTimeout:
            return await self.job(job.id)

    async def spend(self, what: str, limit: int, burst: int) -> None:
        """Take one token of what this caller may do of one thing: ``limit`` a minute, ``burst`` of them at once.

        Whoever calls from loopback without a key has no limit. Raises ``ApiError`` (429) with ``Retry-After``.
        """
        allowance = await self.service.callers.spend(self.app.client(), self.caller, what, limit, burst)
        if allowance is not None and not allowance.allowed:
            message = f"the key {self.caller.name!r} may do this {limit} times a minute, {burst} at once"
            raise ApiError(429, Code.RATE_LIMITED, message, headers=allowance.headers)

    def new_id(self, number: int) -> str | None:
        """The id of a new job of this request, the same at each repetition; ``None`` where any will do."""
        return None if self.seed is None else seeded_id(self.seed, number)

    async def secrets(self, tasks: Iterable[str]) -> Mapping[str, Collection[str]]:
        """The names of the arguments that views of each task's jobs mask."""
        return await self.service.secrets(tasks)


def no_job(id: str) -> ApiError:
    return ApiError(404, Code.JOB_NOT_FOUND, f"there is no job {id}: it was never stored, or it is gone")


def job_id(id: str) -> str:
    """A job's id as people paste it, with or without dashes. Anything else is an id of no job: 404."""
    wanted = id.strip().lower().replace("-", "")
    if not _ID.fullmatch(wanted):
        raise no_job(id)
    return wanted


async def read_body(request: ApiRequest, decoder: msgspec.json.Decoder[T], depth: int) -> T:
    """The body as a struct. Raises ``ApiError``: malformed, of another type, or a field that does not fit."""
    data = await request.body()
    kind = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if data and kind != "application/json" and not kind.endswith("+json"):
        raise ApiError(415, Code.UNSUPPORTED_TYPE, "the body must be JSON, sent as Content-Type: application/json")
    check_depth(data, depth)
    return decoded(data or b"{}", decoder)


def decoded(data: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `")
        raise invalid(text, path.rstrip("`").removeprefix("$").removeprefix(".") or None) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(f"the body is no JSON: {error}") from error


def check_depth(data: bytes, most: int) -> None:
    """Raises ``ApiError`` for JSON whose brackets nest deeper. Brackets inside of texts do not count."""
    if data.count(b"[") + data.count(b"{") <= most:
        return
    depth = 0
    for found in _TEXT_OR_BRACKET.finditer(data):
        first = data[found.start()]
        if first in b"[{":
            depth += 1
            if depth > most:
                raise malformed(f"the body is nested deeper than {most} levels")
        elif first in b"]}":
            depth -= 1


class QueryReader:
    """Reads a query string into one struct. A parameter that the struct does not know is refused by name. A field that
    is a mapping is given as ``field.NAME=value``, any number of them."""

    def __init__(self, type: type[Any]) -> None:
        self._type = type
        fields = msgspec.structs.fields(type)
        self._many = {field.encode_name: _takes_many(field.type) for field in fields if not is_map(field.type)}
        self._maps = {field.encode_name for field in fields if is_map(field.type)}

    def read(self, query: bytes) -> Any:
        found: dict[str, Any] = {}
        try:
            pairs = parse_qsl(query.decode(), keep_blank_values=True, errors="strict") if query else []
        except ValueError as error:
            raise malformed(f"the query is not readable: {error}") from error
        for name, value in pairs:
            head, _, key = name.partition(".")
            if key and head in self._maps:
                if key in found.setdefault(head, {}):
                    raise invalid(f"the parameter {name!r} is there twice", name)
                found[head][key] = value
            elif name not in self._many:
                raise invalid(f"there is no parameter {name!r}{_near(name, self._many)}", name)
            elif self._many[name]:
                found.setdefault(name, []).append(value)
            elif name in found:
                raise invalid(f"the parameter {name!r} is there twice", name)
            else:
                found[name] = value
        try:
            return msgspec.convert(found, self._type, strict=False)
        except msgspec.ValidationError as error:
            text, _, path = str(error).partition(" - at `")
            raise invalid(text, path.rstrip("`").removeprefix("$.").partition("[")[0] or None) from error


def is_map(type: Any) -> bool:
    return get_origin(type) is dict


def _takes_many(type: Any) -> bool:
    return get_origin(type) is tuple


def _near(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
