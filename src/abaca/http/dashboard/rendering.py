"""Pages out of templates: everything is escaped, and a name that a template misspells is an error."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from jinja2 import BaseLoader, ChoiceLoader, Environment, PackageLoader, PrefixLoader, StrictUndefined

from abaca.http.dashboard import times
from abaca.text import plain_text
from abaca.views import instant

SHOWN = 200_000
"""Characters of one payload, log line or traceback that a page shows."""
_ONE_LINE = 90


Packages = tuple[tuple[str, str], ...]
"""The plugins that have pages: name and package. Their templates are found as ``name/...``."""


@cache
def environment(packages: Packages = ()) -> Environment:
    env = Environment(
        loader=_loader(packages),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {
        "ago": lambda moment, now: times.ago(times.micros(moment) or 0, now),
        "exact": lambda moment: times.exact(times.micros(moment) or 0),
        "iso": lambda moment: instant(times.micros(moment)),
        "micros": times.micros,
        "span": times.span,
        "pretty": pretty,
        "one_line": one_line,
        "flat": flat,
        "short": short,
        "count": count,
        "many": many,
    }
    return env


def _loader(packages: Packages) -> BaseLoader:
    own = PackageLoader("abaca.http.dashboard", "templates")
    return ChoiceLoader([own, PrefixLoader({name: PackageLoader(package) for name, package in packages})])


def render(template: str, context: dict[str, Any], packages: Packages = ()) -> bytes:
    return environment(packages).get_template(template).render(context).encode("utf-8", "backslashreplace")


def pretty(value: Any) -> str:
    """JSON for people, bounded."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}\n... {len(text) - SHOWN:,} characters more"


def one_line(value: Any, most: int = _ONE_LINE) -> str:
    """The beginning of a JSON value, without the brackets around arguments."""
    text = flat(value, most + 2)
    return text[1:].removesuffix("}")[:most] if text[:1] == "{" else text[:most]


def flat(value: Any, most: int = 2_000) -> str:
    """A JSON value on one line, bounded."""
    text = plain_text(msgspec.json.encode(value).decode())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def short(id: str) -> str:
    """The part of an id by which people tell jobs apart: its end is random, its beginning the time."""
    return f"{id[:4]}…{id[-8:-2]}" if len(id) == 32 else id[:20]


def count(number: float) -> str:
    return f"{number:,.0f}"


def many(number: int, one: str, more: str = "") -> str:
    """``1 job``, ``1,200 jobs``."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"
