"""Settings and where they come from. Names are loaded when they are first used: few need all of it."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from abaca.config.setting import Setting
    from abaca.config.settings import SETTINGS, Flag, Settings, Sourced, load_settings
    from abaca.config.values import hide_passwords

_HOMES = {
    "SETTINGS": "abaca.config.settings",
    "Flag": "abaca.config.settings",
    "Setting": "abaca.config.setting",
    "Settings": "abaca.config.settings",
    "Sourced": "abaca.config.settings",
    "hide_passwords": "abaca.config.values",
    "load_settings": "abaca.config.settings",
}

__all__ = ["SETTINGS", "Flag", "Setting", "Settings", "Sourced", "hide_passwords", "load_settings"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return value
