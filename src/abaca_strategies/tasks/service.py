"""What tasks find: the service, as they see it."""

from __future__ import annotations

from typing import Protocol

from abaca import App
from abaca_strategies.registry import DataSets, Registry, Runs
from abaca_strategies.writing import StrategyWriter

QUEUE = "strategies"


class Service(Protocol):
    """``Strategies`` as the tasks use it. Each task module has a function that takes it and declares its tasks on
    ``app``."""

    app: App
    registry: Registry
    datasets: DataSets
    runs: Runs

    def has_files(self) -> bool: ...

    def writer(self) -> StrategyWriter: ...
