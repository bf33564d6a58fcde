"""Loads what strategies use. A preloading process imports this once, so that a run finds everything in memory."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

FONTS = "share/abaca-matplotlib"
"""Below the environment: where the list of fonts was left when it was built."""
HERE = "abaca_strategies.running.inside"
COMMON = (
    *("numpy", "pandas", "msgspec", "matplotlib.pyplot", "matplotlib.dates", "abaca_strategies.engine"),
    *("math", "statistics", "random", "datetime", "json", "re", "itertools", "functools", "collections", "decimal"),
    f"{HERE}.main",
)
IF_THERE = ("plotly.graph_objects", "plotly.express", "plotly.subplots", "scipy.stats")


def load() -> None:
    _quiet_matplotlib()
    for name in COMMON:
        import_module(name)
    for name in IF_THERE:
        if find_spec(name.partition(".")[0]) is not None:
            import_module(name)


def _quiet_matplotlib() -> None:
    """Without a window, and without a file of its own: the process may write nowhere."""
    matplotlib = import_module("matplotlib")
    folder = str(Path(sys.prefix) / FONTS)
    vars(matplotlib).update(get_configdir=lambda: folder, get_cachedir=lambda: folder)
    matplotlib.use("Agg")


sys.dont_write_bytecode = True
os.environ["MATPLOTLIBRC"] = os.devnull
load()
