"""What is kept: strategies with their versions, data sets, and runs."""

from abaca_strategies.registry.datafiles import DataFiles
from abaca_strategies.registry.datasets import BUILT_IN, FORMS, DataLimits, DataSets
from abaca_strategies.registry.dataviews import (
    BarRow,
    BarsPage,
    Checked,
    DataFile,
    DataSetPage,
    DataSetView,
    Problem,
)
from abaca_strategies.registry.runs import RunKind, RunPage, RunRecord, Runs
from abaca_strategies.registry.strategies import Head, Registry, StrategyPage, VersionInfo
from abaca_strategies.running.linting import Finding

__all__ = [
    "BUILT_IN",
    "FORMS",
    "BarRow",
    "BarsPage",
    "Checked",
    "DataFile",
    "DataFiles",
    "DataLimits",
    "DataSetPage",
    "DataSetView",
    "DataSets",
    "Finding",
    "Head",
    "Problem",
    "Registry",
    "RunKind",
    "RunPage",
    "RunRecord",
    "Runs",
    "StrategyPage",
    "VersionInfo",
]
