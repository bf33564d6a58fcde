"""How a command reaches the service: an app on the store of the settings, and a worker inside where no other serves."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from abaca import AbacaError, App, ConfigError
from abaca.cli import Session, note
from abaca_sandbox import SandboxUnavailable
from abaca_strategies.errors import CodeRefused, DataRefused, Refused, StrategiesError, TooLarge
from abaca_strategies.failures import StrategyError
from abaca_strategies.running.runtime import is_prepared, prepare_runtime
from abaca_strategies.settings import SETTINGS, packages_of, value
from abaca_strategies.strategies import Strategies
from abaca_strategies.tasks.service import QUEUE

T = TypeVar("T")
QUEUES = (QUEUE,)
_LOOK_AGAIN = 3.0
_DRAIN = 2.0
"""What running jobs have when the command is interrupted. Then they are given back, and a later worker goes on."""
_THINGS = (CodeRefused, DataRefused, TooLarge)
"""What was given was looked at and is not good; every other refusal is of a word on the command line."""


def run(session: Session, work: Callable[[Strategies], Awaitable[T]], *, create: bool = False) -> T:
    """Run ``work`` with a service that it opens and closes.

    Looking makes nothing: where there is no store yet it raises ``ConfigError`` unless ``create``. What the service
    raises becomes an error of the command line.
    """
    if session.config is not None:
        os.environ["ABACA_CONFIG"] = str(session.config)  # the app reads its settings itself
    settings = session.settings(SETTINGS)
    if not create and (missing := _missing(settings.url)) is not None:
        raise ConfigError(
            f"there is no store {missing} yet; `abaca strategies create` makes one, and --url, ABACA_URL or "
            "abaca.toml name another"
        )

    async def with_service() -> T:
        async with App(settings.url, plugins=["strategies"]) as app:
            service = Strategies.of(app)
            try:
                return await work(service)
            finally:
                await service.close()

    try:
        return asyncio.run(with_service())
    except Refused as error:
        raise (AbacaError if isinstance(error, _THINGS) else ConfigError)(str(error)) from error
    except (StrategiesError, StrategyError, SandboxUnavailable) as error:
        raise AbacaError(str(error)) from error


def _missing(url: str) -> Path | None:
    parts = urlsplit(url)
    path = Path(unquote(parts.path)[1:])
    return path if parts.scheme == "sqlite" and not path.exists() else None


async def with_hands(service: Strategies, work: Coroutine[Any, Any, T]) -> T:
    """Do what waits for jobs, while somebody serves them: the workers that are there, else one in this process."""
    over = asyncio.Event()
    hands = asyncio.create_task(_serve(service.app, over))
    doing = asyncio.create_task(work)
    try:
        await asyncio.wait({hands, doing}, return_when=asyncio.FIRST_COMPLETED)
        if hands.done():
            hands.result()
        return await doing
    finally:
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=True)
        over.set()
        await hands


async def _serve(app: App, over: asyncio.Event) -> None:
    while not over.is_set() and await _is_served(app):
        await _within(_LOOK_AGAIN, over)
    if over.is_set():
        return
    packages = packages_of(app)
    if not is_prepared(packages):
        note("building the Python that strategies run with, once; it takes about a minute")
    await asyncio.to_thread(prepare_runtime, packages)
    async with app.worker(queues=QUEUES, concurrency=value(app, "strategies.slots"), drain=_DRAIN, name="command"):
        await over.wait()


async def _is_served(app: App) -> bool:
    workers = (await app.stats()).workers
    return any(set(QUEUES) & set(worker.queues) and not worker.draining for worker in workers)


async def _within(seconds: float, event: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
