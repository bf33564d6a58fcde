"""The files that pages load, all out of packages: the dashboard's own, and under their names those of plugins."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "woff2": "font/woff2",
}
NAMES = ("app.css", "app.js", "icon.svg")
OWN = "abaca.http.dashboard"


@cache
def read(name: str, package: str = OWN) -> tuple[bytes, str, str]:
    """Its bytes, its type, and a mark that changes when it does."""
    data = files(package).joinpath("assets", name).read_bytes()
    return data, TYPES[name.rpartition(".")[2]], hashlib.sha256(data).hexdigest()[:12]


@cache
def names(package: str) -> frozenset[str]:
    """The files in a package's folder of assets that pages may load."""
    if package == OWN:
        return frozenset(NAMES)
    folder = files(package).joinpath("assets")
    found = folder.iterdir() if folder.is_dir() else ()
    return frozenset(file.name for file in found if file.name.rpartition(".")[2] in TYPES)
