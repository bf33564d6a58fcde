"""The files that pages load: one stylesheet, one script, one icon, all out of this package."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
NAMES = ("app.css", "app.js", "icon.svg")


@cache
def read(name: str) -> tuple[bytes, str, str]:
    """Its bytes, its type, and a mark that changes when it does."""
    data = files("abaca.http.dashboard").joinpath("assets", name).read_bytes()
    return data, TYPES[name.rpartition(".")[2]], hashlib.sha256(data).hexdigest()[:12]


def mark(name: str) -> str:
    return read(name)[2]
