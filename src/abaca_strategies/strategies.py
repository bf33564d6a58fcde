"""``Strategies``: the service as an application has it, ``app.plugins["strategies"]``."""

from __future__ import annotations

import asyncio
import importlib
import shutil
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abaca import App, ConfigError
from abaca_strategies.registry.alerts import Alerts
from abaca_strategies.registry.runs import Runs
from abaca_strategies.registry.strategies import Registry
from abaca_strategies.running.runner import Runner
from abaca_strategies.running.work import Cell
from abaca_strategies.settings import folder_of, packages_of, value
from abaca_strategies.tasks.agents import declare_agents
from abaca_strategies.tasks.alerting import declare_alerting
from abaca_strategies.tasks.backtesting import declare_backtesting
from abaca_strategies.tasks.checking import declare_checking
from abaca_strategies.tasks.creating import declare_creating
from abaca_strategies.tasks.noticing import declare_notices
from abaca_strategies.tasks.screening import declare_screening
from abaca_strategies.tasks.sweeping import declare_sweeping
from abaca_strategies.tasks.tidying import declare_tidying
from abaca_strategies.writing import StrategyWriter, writer_of

if TYPE_CHECKING:
    from abaca_strategies.registry.datasets import DataSets


class Strategies:
    """Declares the tasks on an app. Nothing is opened before it is used.

    ``registry`` has the strategies and their versions, ``datasets`` the market data, ``alerts`` the rules that are
    evaluated by the clock, ``runs`` what has been run. The other attributes are the tasks:
    ``await strategies.backtest.enqueue(request)``.
    """

    def __init__(self, app: App) -> None:
        self.app = app
        self._folder: Path | None = None
        self._datasets: DataSets | None = None
        self._writer: StrategyWriter | None = None
        self._runners: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Runner] = weakref.WeakKeyDictionary()
        self.registry = Registry(app.records)
        self.runs = Runs(app.records, value(app, "strategies.keep"))
        self.create_strategy = declare_creating(self)
        self.backtest = declare_backtesting(self)
        self.sweeps = declare_sweeping(self)
        self.check = declare_checking(self)
        self.python_agent = declare_agents(self)
        self.screening = declare_screening(self)
        self.alert = declare_alerting(self, declare_notices(self))
        self.alerts = Alerts(
            app,
            self.registry,
            lambda: self.datasets,
            self.alert,
            keep=value(app, "strategies.keep_alerts"),
            most=value(app, "strategies.max_alerts"),
        )
        self.registry.when_deleted(self.alerts.delete_of)
        self.tidy = declare_tidying(self)
        app.beside_workers(self._until_the_worker_ends)

    @classmethod
    def of(cls, app: App) -> Strategies:
        """That of an app. Raises ``ConfigError`` for one without the plugin."""
        strategies: Strategies = app.plugins["strategies"]
        return strategies

    @property
    def datasets(self) -> DataSets:
        """Made at its first use, since numpy and pandas are loaded for it."""
        made = self._datasets
        if made is None:
            module: Any = importlib.import_module("abaca_strategies.registry.datasets")
            made = self._datasets = module.datasets_of(self.app, self.runs, self.folder)
        return made

    def folder(self) -> Path:
        """Where files of data are. Raises ``ConfigError`` where it has to be named."""
        if self._folder is None:
            self._folder = folder_of(self.app)
            if self.app.url.startswith("memory:") and not value(self.app, "strategies.folder"):
                weakref.finalize(self, shutil.rmtree, self._folder, True)
        return self._folder

    def has_files(self) -> bool:
        """Whether there are data on this machine. An app may have the plugin aboard without ever using it."""
        try:
            return self.folder().exists()
        except ConfigError:
            return False

    def runner(self) -> Runner:
        """What runs code in the sandbox, for the running loop; its processes start at the first use."""
        loop = asyncio.get_running_loop()
        if loop not in self._runners:
            given = {name: value(self.app, f"strategies.{name}") for name in ("slots", "memory", "prints", "plots")}
            self._runners[loop] = Runner(
                **given, packages=packages_of(self.app), seconds={Cell: value(self.app, "strategies.cell_wall")}
            )
        return self._runners[loop]

    def writer(self) -> StrategyWriter:
        """Who writes strategies from prompts: the server of ``strategies.writer``, or templates without one."""
        if self._writer is None:
            self._writer = writer_of(self.app)
        return self._writer

    def use_writer(self, writer: StrategyWriter) -> None:
        """Have strategies written by another writer, such as one of a program's own."""
        self._writer = writer

    async def close(self) -> None:
        """Close what the running loop has open; a worker does it at its end. The next use opens it anew."""
        runner = self._runners.pop(asyncio.get_running_loop(), None)
        if runner is not None:
            await runner.close()

    async def _until_the_worker_ends(self) -> None:
        """What runs strategies are processes, which a worker must not leave behind."""
        try:
            await asyncio.Event().wait()
        finally:
            await self.close()
