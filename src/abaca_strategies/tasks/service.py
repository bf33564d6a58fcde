"""What tasks find: the service, as they see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from abaca import App
from abaca_strategies.registry.alerts import Alerts
from abaca_strategies.registry.runs import Runs
from abaca_strategies.registry.strategies import Registry
from abaca_strategies.running.runner import Runner
from abaca_strategies.writing import StrategyWriter

if TYPE_CHECKING:
    from abaca_strategies.registry.datasets import DataSets

QUEUE = "strategies"


class Service(Protocol):
    """``Strategies`` as the tasks use it. Each task module has a function that takes it and declares its tasks on
    ``app``."""

    app: App
    registry: Registry
    runs: Runs
    alerts: Alerts

    @property
    def datasets(self) -> DataSets: ...

    def has_files(self) -> bool: ...

    def runner(self) -> Runner: ...

    def writer(self) -> StrategyWriter: ...
