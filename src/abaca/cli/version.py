"""``abaca version``"""

from __future__ import annotations

import importlib
import platform
from importlib.metadata import PackageNotFoundError, metadata

from abaca import __version__
from abaca.cli.output import print_json, print_pairs
from abaca.cli.session import Given
from abaca.plugins import installed_plugins

_BESIDE = ("apsw", "redis", "uvloop", "msgspec")


def version(*, session: Given) -> None:
    """Print the version of abaca and of what it runs on."""
    found = {"abaca": __version__, "python": platform.python_version(), "platform": platform.platform()}
    found |= {name: _installed(name) for name in _BESIDE}
    found["sqlite"] = importlib.import_module("apsw").sqlitelibversion()
    found |= {f"plugin {name}": plugin.missing() or "installed" for name, plugin in installed_plugins().items()}
    if session.json:
        print_json(found)
    else:
        print_pairs(found.items())


def _installed(name: str) -> str:
    try:
        return str(metadata(name)["Version"])
    except PackageNotFoundError:
        return "not installed"
