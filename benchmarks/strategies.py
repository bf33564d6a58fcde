"""``python -m benchmarks.strategies``: bars per second of the back-test engine beside a plain vectorised pandas one.

With ``--bt`` also beside the package ``bt``, which has to be installed in the environment that runs this.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import pandas as pd

from abaca_strategies.data import DataSet, synthetic
from abaca_strategies.engine import Costs, Rules, Strategy, run_events, run_signals
from abaca_strategies.metrics import measure

COST = 5e-4
RULES = Rules(costs=Costs(fee_bps=5))
FAST, SLOW = 20, 50


def cross(df: pd.DataFrame, params: Any) -> Any:
    fast, slow = df["close"].rolling(FAST).mean(), df["close"].rolling(SLOW).mean()
    return (fast > slow).astype(float)


class Cross(Strategy):
    def init(self) -> None:
        self.side = {t: self.indicator(lambda bars: cross(bars, None), t) for t in self.data}

    def next(self) -> None:
        for ticker, side in self.side.items():
            if len(side) > 1 and side[-1] != side[-2]:
                self.target(side[-1] / len(self.side), ticker)


class Protected(Cross):
    """The same with a stop order under each position, so that every bar has an order to look at."""

    def next(self) -> None:
        for ticker, side in self.side.items():
            if len(side) > 1 and side[-1] != side[-2]:
                close = self.data[ticker].close[-1]
                if side[-1] and not self.position(ticker):
                    self.buy(self.equity / len(self.side) / close, ticker, stop_loss=close * 0.9)
                elif not side[-1]:
                    self.close(ticker)


def vectorised(data: DataSet) -> float:
    """What people write by hand: positions times returns, less the cost of each change; no orders, cash or trades."""
    total = 0.0
    for frame in data.bars.values():
        position = cross(frame, None).shift(1).fillna(0)
        returns = position * frame["close"].pct_change().fillna(0) - position.diff().abs().fillna(0) * COST
        total += float((1 + returns).prod())
    return total / len(data.bars)


def with_bt(data: DataSet) -> Any:
    bt = importlib.import_module("bt")
    closes = pd.DataFrame({ticker: frame["close"] for ticker, frame in data.bars.items()}).tz_localize(None)
    weights = (closes.rolling(FAST).mean() > closes.rolling(SLOW).mean()).astype(float) / len(closes.columns)
    strategy = bt.Strategy("cross", [bt.algos.WeighTarget(weights), bt.algos.Rebalance()])
    return bt.run(bt.Backtest(strategy, closes, commissions=lambda q, p: abs(q) * p * COST, integer_positions=False))


def bars_per_second(data: DataSet, run: Callable[[DataSet], object], rounds: int) -> float:
    """The median over rounds, of processor time, which a busy machine changes less than the clock on the wall."""
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        run(data)
        taken.append(time.process_time() - start)
    return len(data) / statistics.median(taken)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strategies", description=__doc__)
    parser.add_argument("--bars", type=int, default=50_000, help="of one ticker; twenty have a tenth of them each")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bt", action="store_true")
    asked = parser.parse_args(arguments)
    contenders: dict[str, Callable[[DataSet], object]] = {
        "plain vectorised pandas": vectorised,
        "abaca, signals()": lambda data: run_signals(data, cross, None, RULES),
        "abaca, signals() and all metrics": lambda data: measure(run_signals(data, cross, None, RULES)),
        "abaca, class with next()": lambda data: run_events(data, Cross, None, RULES),
        "abaca, class with stop orders": lambda data: run_events(data, Protected, None, RULES),
    }
    if asked.bt:
        contenders["bt"] = with_bt
    sets = {
        "one ticker": synthetic(tickers=1, bars=asked.bars, start="1900-01-01"),
        "twenty tickers": synthetic(tickers=20, bars=max(asked.bars // 10, 100), start="1980-01-01"),
    }
    print(f"| bars per second of processor time | {' | '.join(sets)} |")
    print("|---|" + "---:|" * len(sets))
    for name, run in contenders.items():
        cells = [f"{bars_per_second(data, run, 1 if name == 'bt' else asked.rounds):,.0f}" for data in sets.values()]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
