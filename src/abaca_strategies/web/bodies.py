"""Bodies of requests: the structs of ``requests``, without what the path and the key say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, cast

import msgspec
from msgspec import Meta

from abaca.http import ApiError, ApiRequest, invalid, malformed, opened
from abaca_strategies.requests import Request, read_request

R = TypeVar("R", bound=Request)
S = TypeVar("S", bound=msgspec.Struct)
JSON = "application/json"
_ID = ("strategy_id", "strategyId")
MAX_BODY = 2 << 20
"""Bytes of a JSON body: the longest code takes several bytes a character."""


class Pages(msgspec.Struct, frozen=True, kw_only=True):
    """``limit``: items of one page. ``cursor``: the ``next_cursor`` of the page before."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: str | None = None


def position(cursor: str | None, start: int) -> int:
    """The number that a cursor holds. Raises ``ApiError`` for any other cursor."""
    text = opened(cursor)
    if text is None:
        return start
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise malformed("the cursor is none that this service gave", "cursor")
    return int(text)


def without(kind: type[Request], *names: str) -> type[Request]:
    """The same struct without some of its fields, for the description of the API."""
    fields = [
        (field.encode_name, field.type, _default(field)) if not field.required else (field.encode_name, field.type)
        for field in msgspec.structs.fields(kind)
        if field.name not in names
    ]
    made = msgspec.defstruct(
        kind.__name__.replace("Request", "Body"),
        fields,
        bases=(Request,),
        namespace={"__doc__": kind.__doc__},
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )
    return cast("type[Request]", made)


async def asked(request: ApiRequest, kind: type[R], strategy_id: int | None = None, most: int = MAX_BODY) -> R:
    """The body as a request, in either spelling. ``strategy_id`` is that of the path, which the body may repeat.

    Raises ``ApiError``: 422 naming the field, also where the body means another strategy than the path.
    """
    given = await request.json(dict[str, Any], most)
    if strategy_id is not None:
        for name in _ID:
            if given.pop(name, strategy_id) != strategy_id:
                raise invalid(f"the path is that of strategy {strategy_id}, and the body means another", name)
        given["strategy_id"] = strategy_id
    try:
        return read_request(kind, given)
    except msgspec.ValidationError as error:
        raise _misfit(error) from error


def converted(fields: Mapping[str, Any], kind: type[S]) -> S:
    """The fields of a form, which are texts. Raises ``ApiError`` naming the first that does not fit."""
    try:
        return msgspec.convert(fields, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _misfit(error) from error


def _misfit(error: msgspec.ValidationError) -> ApiError:
    text, _, path = str(error).partition(" - at `")
    field = path.rstrip("`").removeprefix("$").removeprefix(".")
    named = text.partition("`")[2].partition("`")[0] if not field else ""
    return invalid(text, field or named or None)


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.field(default_factory=field.default_factory)
    return field.default
