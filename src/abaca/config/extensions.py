"""What other installed packages add to Abaca: the entry points of the group ``abaca.plugins``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from abaca.logs import app_log

if TYPE_CHECKING:
    from abaca.config.setting import Setting

GROUP = "abaca.plugins"


@cache
def extensions() -> Mapping[str, Any]:
    """Every installed plugin by its name. One that cannot be imported is logged and left out."""
    found: dict[str, Any] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            found[entry.name] = entry.load()
        except Exception as error:
            app_log().warning("plugin cannot be loaded", plugin=entry.name, where=entry.value, error=repr(error))
    return found


def extension_settings() -> list[Setting]:
    return [setting for extension in extensions().values() for setting in extension.settings]
