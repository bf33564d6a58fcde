"""The description of the API as one page, without a script and without anything from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from html import escape
from typing import Any

_STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--link:#0b62c4}
@media (prefers-color-scheme:dark){:root{--link:#7ab8ff}}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem}
a{color:var(--link)}
h2{border-bottom:1px solid var(--line);margin-top:2.5rem}
details{border:1px solid var(--line);border-radius:.4rem;margin:.5rem 0;padding:.2rem .7rem}
summary{cursor:pointer;padding:.3rem 0}
summary b{display:inline-block;min-width:4.5rem}
code,pre{font:14px/1.45 ui-monospace,monospace}
pre{background:var(--soft);overflow:auto;padding:.6rem;border-radius:.3rem}
table{border-collapse:collapse;width:100%;display:block;overflow:auto}
td,th{border-bottom:1px solid var(--line);padding:.25rem .6rem;text-align:left;vertical-align:top}
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
PAGE_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""The policy of the page's own answer: its one style, and nothing else."""
_CODE = re.compile(r"``?([^`]+)``?")


def docs_page(document: dict[str, Any]) -> str:
    """HTML of an OpenAPI document."""
    by_tag: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            by_tag.setdefault(operation["tags"][0], []).append(_operation(method, path, operation, document))
    links = " · ".join(f'<a href="#{escape(tag)}">{escape(tag)}</a>' for tag in by_tag)
    parts = [f'<h2 id="{escape(tag)}">{escape(tag)}</h2>{"".join(found)}' for tag, found in by_tag.items()]
    schemas = document["components"]["schemas"]
    types = "".join(_schema(name, schema) for name, schema in sorted(schemas.items()))
    info = document["info"]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])} API</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style>'
        f"<h1>{escape(info['title'])} API <small>{escape(info['version'])}</small></h1>"
        f'<p>{_words(info["description"])} The same for programs: <a href="openapi.json">openapi.json</a>.</p>'
        f'<p>{links} · <a href="#types">types</a></p>{"".join(parts)}<h2 id="types">types</h2>{types}</html>'
    )


def _operation(method: str, path: str, operation: dict[str, Any], document: dict[str, Any]) -> str:
    parts = [f"<p>{_words(operation['description'])}</p>"]
    if operation["parameters"]:
        rows = [
            (one["name"], one["in"], _type(one["schema"]), _limits(one["schema"])) for one in operation["parameters"]
        ]
        parts.append(_table(("parameter", "in", "type", ""), rows))
    for media_type, body in operation.get("requestBody", {}).get("content", {}).items():
        kind = "" if media_type == "application/json" else f" ({escape(media_type)})"
        parts.append(f"<p>Body{kind}: {_type(body['schema'])}</p>{_example(body)}")
    for status, answer in operation["responses"].items():
        if status != "default":
            content = answer.get("content", {}).get("application/json", {})
            kind = f": {_type(content['schema'])}" if content else ""
            parts.append(f"<p>{escape(status)} {escape(answer['description'])}{kind}</p>{_example(content)}")
    id = escape(operation["operationId"])
    return (
        f'<details id="{id}"><summary><b>{method.upper()}</b> <code>{escape(path)}</code> '
        f"{_words(operation['summary'])}</summary>{''.join(parts)}</details>"
    )


def _schema(name: str, schema: dict[str, Any]) -> str:
    about = f"<p>{_words(schema['description'])}</p>" if "description" in schema else ""
    if "properties" in schema:
        required = schema.get("required", ())
        rows = [
            (field, "required" if field in required else "", _type(one), _limits(one))
            for field, one in schema["properties"].items()
        ]
        about += _table(("field", "", "type", ""), rows)
    elif "enum" in schema:
        about += f"<p>{', '.join(f'<code>{escape(str(value))}</code>' for value in schema['enum'])}</p>"
    return f'<details id="type-{escape(name)}"><summary><code>{escape(name)}</code></summary>{about}</details>'


def _type(schema: dict[str, Any]) -> str:
    """The type of a schema as HTML, with links to those that have a name."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#type-{escape(name)}">{escape(name)}</a>'
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(f"<code>{escape(json.dumps(value))}</code>" for value in schema["enum"])
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(f"{kind} ({schema['format']})" if "format" in schema else str(kind))


def _limits(schema: dict[str, Any]) -> str:
    words = [f"default {json.dumps(schema['default'])}"] if schema.get("default") not in (None, [], ()) else []
    for side, name in (("minimum", "at least"), ("maximum", "at most"), ("maxItems", "at most")):
        words += [f"{name} {schema[side]}"] if side in schema else []
    return escape(", ".join(words))


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{cell}</th>" for cell in heads)
    lines = "".join(f"<tr><td><code>{escape(row[0])}</code></td>{_cells(row[1:])}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{lines}</table>"


def _cells(cells: tuple[str, ...]) -> str:
    """Cells that are HTML already."""
    return "".join(f"<td>{cell}</td>" for cell in cells)


def _example(content: dict[str, Any]) -> str:
    return f"<pre>{escape(json.dumps(content['example'], indent=2))}</pre>" if "example" in content else ""


def _words(text: str) -> str:
    """Text of a docstring: escaped, and what stands between backquotes as code."""
    return _CODE.sub(r"<code>\1</code>", escape(text))
