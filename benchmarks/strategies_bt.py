"""Run by the Python that has ``bt``: bars per second of processor time over closes in a CSV file.

``python strategies_bt.py FILE FAST SLOW``; the same rule as in ``benchmarks.strategies``, without costs: with them it
refuses some of these prices.
"""

from __future__ import annotations

import importlib
import sys
import time
from typing import Any

import pandas as pd


def run(closes: pd.DataFrame, fast: int, slow: int) -> Any:
    bt = importlib.import_module("bt")
    weights = (closes.rolling(fast).mean() > closes.rolling(slow).mean()).astype(float) / len(closes.columns)
    strategy = bt.Strategy("cross", [bt.algos.WeighTarget(weights), bt.algos.Rebalance()])
    return bt.run(bt.Backtest(strategy, closes, integer_positions=False))


def main(arguments: list[str]) -> int:
    closes = pd.read_csv(arguments[0], index_col=0, parse_dates=True)
    importlib.import_module("bt")
    began = time.process_time()
    run(closes, int(arguments[1]), int(arguments[2]))
    print(closes.size / (time.process_time() - began))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
