"""How a command reaches the service: an app on the store of the settings, and a worker inside where no other serves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from abaca import AbacaError, App, ConfigError
from abaca.cli import Session, note, while_served
from abaca_sandbox import SandboxUnavailable
from abaca_strategies.errors import CodeRefused, DataRefused, Refused, StrategiesError, TooLarge
from abaca_strategies.failures import StrategyError
from abaca_strategies.plugin import PLUGIN
from abaca_strategies.running.runtime import is_prepared, prepare_runtime
from abaca_strategies.settings import packages_of, value
from abaca_strategies.strategies import Strategies

T = TypeVar("T")
_THINGS = (CodeRefused, DataRefused, TooLarge)
"""What was given was looked at and is not good; every other refusal is of a word on the command line."""


def run(session: Session, work: Callable[[Strategies], Awaitable[T]], *, create: bool = False) -> T:
    """Run ``work`` with a service that it opens and closes.

    Looking makes nothing: where there is no store yet it raises ``ConfigError`` unless ``create``. What the service
    raises becomes an error of the command line.
    """

    async def with_service(app: App) -> T:
        service = Strategies.of(app)
        try:
            return await work(service)
        finally:
            await service.close()

    try:
        return session.run(with_service, create=create, plugins=[PLUGIN])
    except Refused as error:
        raise (AbacaError if isinstance(error, _THINGS) else ConfigError)(str(error)) from error
    except (StrategiesError, StrategyError, SandboxUnavailable) as error:
        raise AbacaError(str(error)) from error


async def with_hands(service: Strategies, work: Coroutine[Any, Any, T]) -> T:
    """``while_served`` for strategies."""
    packages = packages_of(service.app)

    async def prepare() -> None:
        if not is_prepared(packages):
            note("building the Python that strategies run with, once; it takes about a minute")
        await asyncio.to_thread(prepare_runtime, packages)

    slots = value(service.app, "strategies.slots")
    return await while_served(service.app, PLUGIN.queues, work, slots=slots, prepare=prepare)
