"""How these pages are declared: the scope of the routes, errors as the routes give them, and fields of forms."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from abaca.http import ApiError, Code, Desk, Form, Reply, act, invalid, page
from abaca_sandbox import SandboxUnavailable
from abaca_strategies.errors import NotFound, StrategiesError
from abaca_strategies.failures import DataError
from abaca_strategies.web.declaring import SCOPE, answer_of, strategies_of

S = TypeVar("S", bound=msgspec.Struct)
Handler = Callable[..., Any]


def shown(path: str) -> Callable[[Handler], Any]:
    """A page of the scope ``strategies``."""
    return lambda handler: page(path, scope=SCOPE)(_told(handler))


def done(path: str) -> Callable[[Handler], Any]:
    """What a form does."""
    return lambda handler: act(path, scope=SCOPE)(_told(handler))


def _told(handler: Handler) -> Handler:
    @functools.wraps(handler)
    async def answered(desk: Desk, **given: Any) -> Reply:
        try:
            reply: Reply = await handler(desk, **given)
        except (StrategiesError, DataError, SandboxUnavailable) as error:
            answer = answer_of(error)
            if answer is error and isinstance(error, NotFound):
                answer = ApiError(404, Code.NOT_FOUND, str(error))
            raise answer from error
        return reply

    return answered


def service_of(desk: Desk) -> Any:
    return strategies_of(desk.api)


def asked_of(desk: Desk, name: str, otherwise: str = "") -> str:
    """A parameter of the page's address."""
    return str(desk.request.query_params.get(name, otherwise))[:2_000]


def place_of(desk: Desk, name: str) -> int:
    """A place in a long table, from 0."""
    words = asked_of(desk, name)
    return int(words) if words.isascii() and words.isdecimal() and len(words) <= 9 else 0


def read_form(form: Form, kind: type[S], *, lists: tuple[str, ...] = (), objects: tuple[str, ...] = ()) -> S:
    """The fields that were filled in, as a request. ``rules.cash`` is a field of ``rules``; ``lists`` are words
    with commas between them, ``objects`` are JSON. Raises ``ApiError`` naming the field."""
    found: dict[str, Any] = {}
    for name, words in form.items():
        if name == "csrf" or not words.strip():
            continue
        value: Any = words
        if name in lists:
            value = [each.strip() for each in words.replace("\n", ",").split(",") if each.strip()]
        elif name in objects:
            value = _json(name, words)
        into = found
        *outer, last = name.split(".")
        for each in outer:
            into = into.setdefault(each, {})
            if not isinstance(into, dict):
                raise invalid("it is given twice", name)
        into[last] = value
    try:
        return msgspec.convert(found, kind, strict=False)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `")
        raise invalid(text, path.rstrip("`").removeprefix("$").removeprefix(".") or None) from error


def _json(name: str, words: str) -> Any:
    try:
        return json.loads(words)
    except (ValueError, RecursionError) as error:
        raise invalid(f"it is no JSON: {error}", name) from error


def said(error: Exception) -> str:
    """What a person is told of a request that was refused; another error goes on."""
    found = answer_of(error) if isinstance(error, StrategiesError | DataError | SandboxUnavailable) else error
    if not isinstance(found, ApiError) or found.status >= 500:
        raise error
    return str(found)
