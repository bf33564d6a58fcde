"""``Strategies``: the service as an application has it, ``app.plugins["strategies"]``."""

from __future__ import annotations

import asyncio
import shutil
import weakref
from pathlib import Path

from abaca import App, ConfigError
from abaca_strategies.registry import DataFiles, DataLimits, DataSets, Registry, Runs
from abaca_strategies.settings import folder_of, value
from abaca_strategies.tasks.creating import declare_creating
from abaca_strategies.tasks.tidying import declare_tidying
from abaca_strategies.writing import StrategyWriter, writer_of


class Strategies:
    """Declares the tasks on an app. Nothing is opened before it is used.

    ``registry`` has the strategies and their versions, ``datasets`` the market data, ``runs`` what has been run. The
    other attributes are the tasks: ``await strategies.backtest.enqueue(request)``.
    """

    def __init__(self, app: App) -> None:
        self.app = app
        self._files: DataFiles | None = None
        self._writer: StrategyWriter | None = None
        records = app.records
        self.registry = Registry(records)
        self.runs = Runs(records, value(app, "strategies.keep"))
        self.datasets = DataSets(
            records,
            self.runs,
            self.files,
            DataLimits(size=value(app, "strategies.max_data"), bars=value(app, "strategies.max_bars")),
            default=value(app, "strategies.dataset"),
        )
        self.create_strategy = declare_creating(self)
        self.tidy = declare_tidying(self)
        app.beside_workers(self._until_the_worker_ends)

    @classmethod
    def of(cls, app: App) -> Strategies:
        """That of an app. Raises ``ConfigError`` for one without the plugin."""
        strategies: Strategies = app.plugins["strategies"]
        return strategies

    def files(self) -> DataFiles:
        """The folder of data. Raises ``ConfigError`` where it has to be named."""
        if self._files is None:
            self._files = DataFiles(self._folder())
        return self._files

    def has_files(self) -> bool:
        """Whether there are data on this machine. An app may have the plugin aboard without ever using it."""
        try:
            return self.files().folder.exists()
        except ConfigError:
            return False

    def writer(self) -> StrategyWriter:
        """Who writes strategies from prompts: the server of ``strategies.writer``, or templates without one."""
        if self._writer is None:
            self._writer = writer_of(self.app)
        return self._writer

    def use_writer(self, writer: StrategyWriter) -> None:
        """Have strategies written by another writer, such as one of a program's own."""
        self._writer = writer

    async def close(self) -> None:
        """Close what was opened; a worker does it at its end. The next use opens it anew."""

    def _folder(self) -> Path:
        folder = folder_of(self.app)
        if self.app.url.startswith("memory:") and not value(self.app, "strategies.folder"):
            weakref.finalize(self, shutil.rmtree, folder, True)
        return folder

    async def _until_the_worker_ends(self) -> None:
        """What runs strategies are processes, which a worker must not leave behind."""
        try:
            await asyncio.Event().wait()
        finally:
            await self.close()
