"""``abaca worker``"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from typing import Annotated, Any

from cyclopts import Parameter

from abaca.cli.loops import run_fast
from abaca.cli.session import Given
from abaca.config import Settings, hide_passwords
from abaca.errors import ConfigError
from abaca.logs import configure_logs, worker_log
from abaca.plugins import Plugin, installed_plugins, usable_plugins
from abaca.worker.runner_main import EXIT_CONFIG
from abaca.worker.signals import take_back_signals
from abaca.worker.spawn import adopt_orphans
from abaca.worker.supervisor import Supervisor

INSTALLED = "abaca.installed:app"
_HANDED_DOWN = ("url", "keep.completed", "keep.cancelled", "keep.failed", "log.format", "log.level")


def worker(
    application: Annotated[
        str | None, Parameter(name="APP", help="Where the tasks are, as module:attribute; else in all plugins.")
    ] = None,
    /,
    *,
    queues: Annotated[
        str | None,
        Parameter(help="Queues to serve, as a,b: strictly in this order. [default: default; without APP plugins' too]"),
    ] = None,
    weights: Annotated[str | None, Parameter(help="Shares in place of the strict order, as a=3,b=1.")] = None,
    concurrency: Annotated[
        int | None, Parameter(help="Slots for coroutines and, apart, for threads. [default: 50]")
    ] = None,
    processes: Annotated[int | None, Parameter(help="Runner processes. [default: 1]")] = None,
    process_slots: Annotated[
        int | None, Parameter(help='Slots for pool="process" in each runner. [default: cores]')
    ] = None,
    lease: Annotated[
        str | None, Parameter(help="A silent worker's jobs are run elsewhere after this. [default: 15s]")
    ] = None,
    beat: Annotated[
        str | None, Parameter(help="Time between heartbeats; at most a third of the lease. [default: 5s]")
    ] = None,
    grace: Annotated[
        str | None, Parameter(help="What an interrupted run has before it is killed. [default: 5s]")
    ] = None,
    drain: Annotated[str | None, Parameter(help="What running jobs have at shutdown. [default: 30s]")] = None,
    max_jobs_per_child: Annotated[
        int | None, Parameter(help="Jobs after which a child process is renewed. [default: 1000]")
    ] = None,
    max_child_rss: Annotated[str | None, Parameter(help="Memory above which it is, as 512MiB. [default: 1GiB]")] = None,
    give_up_after: Annotated[
        str | None, Parameter(help="End when the store is away for so long. [default: 10m]")
    ] = None,
    name: Annotated[str | None, Parameter(help="Name in `abaca workers`.")] = None,
    log_format: Annotated[str | None, Parameter(help="text or json. [default: text]")] = None,
    log_level: Annotated[str | None, Parameter(help="debug, info, warning, error. [default: info]")] = None,
    session: Given,
) -> int:
    """Run jobs of an application in worker processes until SIGTERM or SIGINT.

    The first signal lets running jobs finish and gives the rest back; a second one ends it at once.
    """
    plugins = _plugins() if application is None else []
    if plugins and queues is None and session.settings().source("worker.queues").origin == "default":
        queues = ",".join(dict.fromkeys(["default", *(queue for plugin in plugins for queue in plugin.queues)]))
    settings = session.settings(
        worker__queues=queues,
        worker__weights=weights,
        worker__concurrency=concurrency,
        worker__processes=processes,
        worker__process_slots=process_slots,
        worker__lease=lease,
        worker__beat=beat,
        worker__grace=grace,
        worker__drain=drain,
        worker__max_jobs_per_child=max_jobs_per_child,
        worker__max_child_rss=max_child_rss,
        worker__give_up_after=give_up_after,
        worker__name=name,
        log__format=log_format,
        log__level=log_level,
    )
    configure_logs(settings.log.format, settings.log.level)
    take_back_signals()
    _hand_down(settings)
    adopt_orphans()
    supervisor = Supervisor(application or INSTALLED, settings.processes, settings.worker, settings.log)
    start = _Start(settings, supervisor.id)
    status = run_fast(_to_its_end(supervisor.run(start.check, start.say)))
    status = 2 if status == EXIT_CONFIG or start.refused else min(status, 1)
    worker_log().info("worker stopped", worker=supervisor.id, exit_status=status)
    return status


def _plugins() -> list[Plugin]:
    """Those whose tasks a worker runs that is given no application."""
    if usable := usable_plugins():
        return usable
    absent = [f"{name} {plugin.missing()}" for name, plugin in installed_plugins().items()]
    raise ConfigError("; ".join(["name an application as module:attribute, because no plugin is usable here", *absent]))


def _hand_down(settings: Settings) -> None:
    """The runner processes, and an application that names no store, read these from their environment."""
    for name in _HANDED_DOWN:
        source = settings.source(name)
        if source.origin != "default":
            os.environ[source.setting.variable] = str(source.value)


class _Start:
    """What is said at the start: of the store when it is open, of the rest when the tasks are known."""

    def __init__(self, settings: Settings, worker: str) -> None:
        self._settings = settings
        self._worker = worker
        self.refused = False
        self._store: dict[str, str] = {}

    def check(self, url: str, durability: str) -> None:
        """Raises ``ConfigError`` for a store that is not the one of the command line."""
        asked = self._settings.source("url")
        if asked.origin == "--url" and asked.value != url:
            self.refused = True
            raise ConfigError(
                f"--url is {asked.shown}, but the application names its own store {hide_passwords(url)}; "
                "leave --url out, or make the application with App() and no url"
            )
        self._store = {"store": hide_passwords(url), "durability": durability}

    def say(self) -> None:
        options = self._settings.worker
        processes = self._settings.processes
        worker_log().info(
            "worker started",
            worker=self._worker,
            **self._store,
            queues=",".join(options.queues),
            processes=processes,
            slots=" ".join(f"{lane}:{count * processes}" for lane, count in options.slots().items()),
        )


async def _to_its_end(work: Coroutine[Any, Any, int]) -> int:
    """A signal that comes when all is done, while the process leaves, must not make a failure of it."""
    try:
        return await work
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)
