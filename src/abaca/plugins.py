"""Plugins: applications that come as packages. One value says all that Abaca needs to know of one.

A plugin is light to import: what it is made of is named by reference, ``module:attribute``, and loaded where it is
used, so that a command line, a worker or a service pays for its own part only.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from abaca.config.extensions import GROUP, extensions
from abaca.errors import ConfigError
from abaca.text import near_names

if TYPE_CHECKING:
    from abaca.app import App
    from abaca.config.setting import Setting


@dataclass(frozen=True, slots=True)
class PluginCommand:
    """A command of ``abaca``: its name, the reference of its function or tree, one line about it, and other names."""

    name: str
    where: str
    about: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """An application on Abaca, found by the entry-point group ``abaca.plugins`` under its name.

    ``tasks`` is the reference of what is called with an app and declares the tasks on it; what it answers is
    ``app.plugins[name]``. ``queues`` are those its jobs go
    to. ``needs`` are the modules of its extra ``abaca[extra]``. ``router`` is the reference of a tuple of endpoints,
    mounted below ``/api/v1``; ``pages`` of a tuple of pages and acts, below ``/ui/<name>``, with the folders
    ``templates`` and ``assets`` beside their module. ``title`` is its entry in the dashboard's navigation and
    ``icon`` the glyph beside it; without a title it has none.
    """

    name: str
    tasks: str
    queues: tuple[str, ...] = ()
    extra: str = ""
    needs: tuple[str, ...] = ()
    router: str = ""
    pages: str = ""
    title: str = ""
    icon: str = "plugin"
    commands: tuple[PluginCommand, ...] = ()
    settings: tuple[Setting, ...] = ()

    @property
    def package(self) -> str:
        """Where its templates and assets are; empty without pages."""
        return self.pages.partition(":")[0].rpartition(".")[0]

    def missing(self) -> str:
        """What is not installed of what it needs, and the command that installs it; empty if nothing is missing."""
        absent = [name for name in self.needs if find_spec(name) is None]
        return f"needs {', '.join(absent)}; pip install 'abaca[{self.extra}]'" if absent else ""

    def endpoints(self) -> tuple[Any, ...]:
        return referred(self.router) if self.router else ()

    def handlers(self) -> tuple[Any, ...]:
        return referred(self.pages) if self.pages else ()


class Plugins(Mapping[str, Any]):
    """The plugins of one app: by name what their ``tasks`` answered."""

    def __init__(self, declared: Iterable[Plugin | str] = ()) -> None:
        self.declared: tuple[Plugin, ...] = tuple(_plugin(each) for each in declared)
        self._made: dict[str, Any] = {}

    @property
    def settings(self) -> tuple[Setting, ...]:
        return tuple(setting for plugin in self.declared for setting in plugin.settings)

    def declare(self, app: App) -> None:
        for plugin in self.declared:
            if plugin.name in self._made:
                raise ConfigError(f"App(plugins=): {plugin.name!r} is named twice")
            self._made[plugin.name] = referred(plugin.tasks)(app)

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            raise ConfigError(f"this app is without the plugin {name!r}; make it with App(plugins=[{name!r}])")
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._made

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


def installed_plugins() -> dict[str, Plugin]:
    """Every plugin of this environment by its name, also one whose extra is missing."""
    return {name: plugin for name, plugin in extensions().items() if isinstance(plugin, Plugin)}


def usable_plugins() -> list[Plugin]:
    """Those whose extra is there."""
    return [plugin for plugin in installed_plugins().values() if not plugin.missing()]


def referred(reference: str) -> Any:
    """The attribute that ``module:attribute`` names. Raises ``ConfigError`` when that module has none."""
    module, _, attribute = reference.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except AttributeError:
        raise ConfigError(f"a plugin refers to {reference!r}, but {module} has no {attribute!r}") from None


def _plugin(given: Plugin | str) -> Plugin:
    plugin = given if isinstance(given, Plugin) else installed_plugins().get(given)
    if plugin is None:
        near = near_names(str(given), installed_plugins(), most=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; packages offer theirs as entry points of {GROUP!r}"
        raise ConfigError(f"App(plugins=): no plugin {given!r} is installed{hint}")
    if missing := plugin.missing():
        raise ConfigError(f"the plugin {plugin.name!r} {missing}")
    return plugin
