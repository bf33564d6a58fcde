"""The description of the API as OpenAPI 3.1, made from the routes and the types that they name."""

from __future__ import annotations

import inspect
import types
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Union, get_args, get_origin

import msgspec

from abaca import __version__
from abaca.http.endpoint import Endpoint
from abaca.http.errors import ErrorAnswer
from abaca.http.examples import EXAMPLES
from abaca.http.idempotency import HEADER
from abaca.http.paging import Nothing
from abaca.http.replies import Answer
from abaca.http.requests import is_map

_JSON = "application/json"
_REFS = "#/components/schemas/{name}"
_ABOUT = (
    "Jobs over HTTP. Lists have `items` and `next_cursor`; errors have `error` with `code` and `message`; "
    "accepted work is 202 with `Location`. Every POST takes an `Idempotency-Key`."
)


def description(endpoints: Sequence[Endpoint], prefix: str = "") -> dict[str, Any]:
    """The whole document. ``prefix`` is where the service is mounted."""
    bodies = [endpoint.body for endpoint in endpoints if endpoint.body not in (None, Nothing)]
    bodies += [taken for endpoint in endpoints for taken in endpoint.takes.values()]
    queries = [endpoint.query for endpoint in endpoints if endpoint.query is not None]
    answers = [kind for endpoint in endpoints for kind in answers_of(endpoint)]
    named = list(dict.fromkeys([*bodies, *queries, *answers, ErrorAnswer]))
    schemas, components = msgspec.json.schema_components(named, ref_template=_REFS)
    by_type = dict(zip(named, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.whole_path, {})[endpoint.method.lower()] = _operation(endpoint, by_type, components)
    for query in queries:
        components.pop(by_type[query]["$ref"].rpartition("/")[2], None)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Abaca", "version": __version__, "description": _ABOUT},
        "servers": [{"url": prefix or "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "A key of `abaca keys create`."}
            },
        },
    }


def answers_of(endpoint: Endpoint) -> list[Any]:
    """The types of the bodies that a route may answer with."""
    annotation = endpoint.answer
    members = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    plain = [get_args(member)[0] if get_origin(member) is Answer else member for member in members]
    return [kind for kind in dict.fromkeys(plain) if kind not in (None, type(None), Any) and not _is_bare(kind)]


def _is_bare(kind: Any) -> bool:
    """Whether an answer is bytes of its own, a page or a stream."""
    return inspect.isclass(kind) and not issubclass(kind, msgspec.Struct | dict | list)


def _operation(endpoint: Endpoint, by_type: dict[Any, Any], components: dict[str, Any]) -> dict[str, Any]:
    summary, _, rest = inspect.getdoc(endpoint.handler).partition("\n")  # type: ignore[union-attr]
    found: dict[str, Any] = {
        "operationId": endpoint.handler.__name__,
        "tags": [endpoint.tag],
        "summary": summary.strip(),
        "parameters": _parameters(endpoint, by_type, components),
        "responses": _responses(endpoint, by_type),
    }
    words = " ".join(rest.split())
    if endpoint.query is not None:
        about = components[by_type[endpoint.query]["$ref"].rpartition("/")[2]].get("description", "")
        words = f"{words} {' '.join(about.split())}"
    needs = f"Needs the scope `{endpoint.scope}`." if endpoint.scope else "Open to everybody."
    found["description"] = f"{words} {needs}".strip()
    if endpoint.scope is None:
        found["security"] = []
    takes = endpoint.takes or ({} if endpoint.body in (None, Nothing) else {_JSON: endpoint.body})
    if takes:
        content: dict[str, Any] = {media_type: {"schema": by_type[kind]} for media_type, kind in takes.items()}
        if "body" in endpoint.examples:
            content[_JSON]["example"] = endpoint.examples["body"]
        found["requestBody"] = {"required": True, "content": content}
    return found


def _parameters(endpoint: Endpoint, by_type: dict[Any, Any], components: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in endpoint.parameters
    ]
    if endpoint.query is not None:
        schema = components[by_type[endpoint.query]["$ref"].rpartition("/")[2]]
        required = schema.get("required", ())
        maps = {field.name for field in msgspec.structs.fields(endpoint.query) if is_map(field.type)}
        found += [
            {
                "name": f"{name}.NAME" if name in maps else name,
                "in": "query",
                "required": name in required,
                "schema": {"type": "string"} if name in maps else field,
            }
            for name, field in schema["properties"].items()
        ]
    if endpoint.method == "POST":
        found.append({"name": HEADER, "in": "header", "required": False, "schema": {"type": "string"}})
    return found


def _responses(endpoint: Endpoint, by_type: dict[Any, Any]) -> dict[str, Any]:
    kinds = answers_of(endpoint)
    content: dict[str, Any] = {}
    if kinds:
        schema = by_type[kinds[0]] if len(kinds) == 1 else {"anyOf": [by_type[kind] for kind in kinds]}
        content = {"application/json": {"schema": schema}}
        example = endpoint.examples.get("answer", EXAMPLES.get(kinds[0]))
        if example is not None:
            content["application/json"]["example"] = example
    success: dict[str, Any] = {"description": HTTPStatus(endpoint.status).phrase}
    if content:
        success["content"] = content
    if endpoint.status == 202 and endpoint.method == "POST":
        success["headers"] = {"Location": {"schema": {"type": "string"}, "description": "Where the job is."}}
    refused = {"content": {_JSON: {"schema": by_type[ErrorAnswer]}}}
    own: dict[int, list[str]] = {}
    for status, code in endpoint.errors:
        own.setdefault(status, []).append(f"`{code}`")
    named = {str(status): {"description": f"{' or '.join(own[status])}.", **refused} for status in sorted(own)}
    return {str(endpoint.status): success, **named, "default": {"description": "An error.", **refused}}
