"""The Lua scripts: the preludes and one function for each verb's file, as one library of Redis functions.

A library is compiled once and its functions keep what they share, where a script sent with EVAL makes every one of its
inner functions anew at each call: that was more than half of what a small call cost the server. Its name ends with
a digest of its text, so that versions live side by side while a deploy is under way.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

PRELUDES = (
    "base",
    "record",
    "leases",
    "fronts",
    "families",
    "work",
    "lines",
    "settings",
    "limits",
    "kin",
    "edges",
    "admission",
    "streams",
    "turns",
    "picking",
    "claiming",
    "waiters",
    "straight",
    "entering",
    "settling",
    "auditing",
)
VERBS = (
    "amend",
    "append",
    "audit_entries",
    "audit_keys",
    "audit_totals",
    "beat",
    "cancel",
    "exchange",
    "get",
    "hold",
    "insert",
    "purge",
    "put",
    "read",
    "reclaim",
    "requeue",
    "scan",
    "sign_off",
    "stats",
    "unhold",
    "updates",
    "walk",
)
_FLAGS = "-- flags:"
_VERB = """redis.register_function{{function_name='{name}', flags={{{flags}}}, callback=function(keys, args)
begin(keys, args)
{body}
end}}"""


@dataclass(frozen=True, slots=True)
class Library:
    """``text`` is what FUNCTION LOAD takes; ``verbs`` holds the full name of each verb's function."""

    text: bytes
    verbs: dict[str, bytes]


def _source(name: str) -> str:
    return files("abaca.backends.redis").joinpath("lua", f"{name}.lua").read_text()


def _flags(source: str) -> str:
    names = [name for line in source.splitlines() if line.startswith(_FLAGS) for name in line[len(_FLAGS) :].split()]
    return ",".join(f"'{name}'" for name in names)


def _code(source: str) -> str:
    """The source without comments and blank lines."""
    return "\n".join(line for line in source.splitlines() if line.strip() and not line.lstrip().startswith("--"))


@cache
def library() -> Library:
    shared = [_code(_source(name)) for name in PRELUDES]
    bodies = {verb: _source(verb) for verb in VERBS}
    whole = "\n".join([*shared, *bodies.values()])
    name = f"abaca_{hashlib.sha1(whole.encode(), usedforsecurity=False).hexdigest()[:12]}"
    functions = [
        _VERB.format(name=f"{name}_{verb}", flags=_flags(source), body=_code(source)) for verb, source in bodies.items()
    ]
    text = "\n".join([f"#!lua name={name}", *shared, *functions])
    return Library(text.encode(), {verb: f"{name}_{verb}".encode() for verb in VERBS})
