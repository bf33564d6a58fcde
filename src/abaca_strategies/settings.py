"""The settings of this application, and where its files are."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from abaca import App, ConfigError, Setting

_MIB = 1 << 20
_DAY = 86_400.0

SETTINGS = (
    Setting.text("strategies.folder", "", "data sets: a folder, by default one beside the jobs"),
    Setting.text("strategies.dataset", "synthetic", "the data set of a request that names none"),
    Setting.count("strategies.slots", 2, "strategies that run at once in one worker"),
    Setting.size("strategies.memory", 2048 * _MIB, "bytes of memory of one run"),
    Setting.seconds("strategies.cell_wall", 30.0, "seconds of an analysis cell"),
    Setting.text("strategies.packages", "", "packages that strategies can import besides, such as plotly==6.5.0"),
    Setting.size("strategies.prints", _MIB, "bytes of what a run prints that are kept"),
    Setting.count("strategies.plots", 50, "plots, and pictures, of a run that are kept"),
    Setting.size("strategies.max_data", 100 * _MIB, "bytes of the largest data set that is taken"),
    Setting.count("strategies.max_bars", 5_000_000, "bars of the largest data set that is taken"),
    Setting.seconds("strategies.keep", 30 * _DAY, "seconds that ended runs and their results stay"),
    Setting.count("strategies.max_alerts", 1_000, "alert rules that one user may have"),
    Setting.seconds("strategies.keep_alerts", 365 * _DAY, "seconds that a trigger stays after it was last found"),
    Setting.text("strategies.alert_secret", "", "where the key is that signs notices: env:NAME or file:/path"),
    Setting.text("strategies.writer", "", "server that writes strategies, OpenAI-compatible, such as http://host/v1"),
    Setting.text("strategies.writer_model", "", "the model to ask there"),
    Setting.text("strategies.writer_key", "", "the key for that server", secret=True),
    Setting.seconds("strategies.writer_timeout", 120.0, "seconds for one answer of that server"),
)
_DEFAULTS = {setting.name: setting.default for setting in SETTINGS}


def value(app: App, name: str) -> Any:
    """A setting's value; its default in an app without the plugin."""
    known = "strategies" in {plugin.name for plugin in app.plugins.declared}
    return app.settings.value(name) if known else _DEFAULTS[name]


def packages_of(app: App) -> list[str]:
    """What strategies can import besides what is always there."""
    found: str = value(app, "strategies.packages")
    return found.replace(",", " ").split()


def folder_of(app: App) -> Path:
    """Where data sets are, by the app's store and the settings. In memory it is a folder made for this call.

    Raises ``ConfigError`` where a folder has to be named.
    """
    if given := value(app, "strategies.folder"):
        return Path(given).expanduser().absolute()
    parts = urlsplit(app.url)
    if parts.scheme == "sqlite":
        return Path(unquote(parts.path)[1:]).with_suffix(".strategies").absolute()
    if parts.scheme == "memory":
        return Path(tempfile.mkdtemp(prefix="abaca-strategies-"))
    raise ConfigError(
        f"strategies.folder: jobs are in {parts.scheme}://, where data sets are not kept; name a folder that all "
        f"workers share, as ABACA_STRATEGIES_FOLDER"
    )
