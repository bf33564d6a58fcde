"""``abaca.installed:app``: an application of all installed plugins, for a worker or a service that is given none."""

from functools import cache
from typing import Any

from abaca.app import App
from abaca.plugins import usable_plugins


@cache
def _app() -> App:
    return App(name="installed", plugins=usable_plugins())


def __getattr__(name: str) -> Any:
    if name == "app":
        return _app()
    raise AttributeError(name)
