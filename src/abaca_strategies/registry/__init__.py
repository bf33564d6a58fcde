"""What is kept: strategies with their versions, data sets, and runs.

What is named here is light to import. ``registry.datasets`` needs numpy and pandas.
"""

from abaca_strategies.registry.alerts import Alerts
from abaca_strategies.registry.dataviews import (
    BarRow,
    BarsPage,
    Checked,
    DataFile,
    DataSetPage,
    DataSetView,
    NewestBar,
    Problem,
)
from abaca_strategies.registry.runs import RunKind, RunPage, RunRecord, Runs
from abaca_strategies.registry.strategies import Head, Registry, StrategyPage, VersionInfo
from abaca_strategies.running.linting import Finding

__all__ = [
    "Alerts",
    "BarRow",
    "BarsPage",
    "Checked",
    "DataFile",
    "DataSetPage",
    "DataSetView",
    "Finding",
    "Head",
    "NewestBar",
    "Problem",
    "Registry",
    "RunKind",
    "RunPage",
    "RunRecord",
    "Runs",
    "StrategyPage",
    "VersionInfo",
]
