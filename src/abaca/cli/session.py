"""What every command is given: the flags that hold for all, the settings, the store."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from cyclopts import Parameter

from abaca.errors import ConfigError

if TYPE_CHECKING:
    from abaca.app import App
    from abaca.config import Setting, Settings
    from abaca.plugins import Plugin

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The global flags as given. Settings and store are loaded by the commands that need them."""

    url: str | None = None
    config: Path | None = None
    json: bool = False
    debug: bool = False

    def settings(self, more: Iterable[Setting] = (), /, **flags: object) -> Settings:
        """All settings, and ``more``, those of plugins. ``flags`` are the command's own by setting name with ``__`` for
        the dot; ``None`` is unset."""
        from abaca.config import Flag, load_settings

        given = {name.replace("__", "."): value for name, value in flags.items() if value is not None}
        named = {name: Flag(_spelling(name), value) for name, value in given.items()}
        if self.url is not None:
            named["url"] = Flag("--url", self.url)
        return load_settings(named, file=self.config, more=more)

    def run(self, work: Callable[[App], Awaitable[T]], *, create: bool = False, plugins: Sequence[Plugin] = ()) -> T:
        """Run ``work`` with an application on the store of the settings. It has the tasks of ``plugins`` and no others.

        Looking must not make a store: a file that is not there raises ``ConfigError`` unless ``create``.
        """
        import asyncio

        from abaca.app import App

        settings = self.settings([setting for plugin in plugins for setting in plugin.settings])
        if not create:
            _check_file(settings.url)
        if plugins and self.config is not None:
            os.environ["ABACA_CONFIG"] = str(self.config)  # an app reads the settings of its plugins itself

        async def with_store() -> T:
            place = {name: settings.source(name).value for name in ("results", "results_above")}
            async with App(settings.url, plugins=list(plugins), **place) as app:
                return await work(app)

        return asyncio.run(with_store())


def _spelling(name: str) -> str:
    return "--" + name.removeprefix("worker.").removeprefix("serve.").replace(".", "-").replace("_", "-")


def _check_file(url: str) -> None:
    from abaca.backends.sqlite.settings import parse_url

    if url.startswith("sqlite:") and not (path := parse_url(url).path).exists():
        raise ConfigError(f"there is no store {path} yet; --url, ABACA_URL or abaca.toml name another")


Given = Annotated[Session, Parameter(parse=False)]
"""The type of a command's ``session`` parameter: filled in by the launcher, invisible to people."""
