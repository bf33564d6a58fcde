"""Settings and where they come from."""

from abaca.config.setting import Setting
from abaca.config.settings import SETTINGS, Flag, Settings, Sourced, load_settings
from abaca.config.values import hide_passwords

__all__ = ["SETTINGS", "Flag", "Setting", "Settings", "Sourced", "hide_passwords", "load_settings"]
