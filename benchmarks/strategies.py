"""``python -m benchmarks.strategies``: the back-test engine beside others, sweeps, and how fast user code starts.

The engine stands beside a plain vectorised pandas back-test, and beside the package ``bt`` where that has an
environment of its own. Sweeps are points per second with one slot and with two.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from abaca_sandbox import SandboxUnavailable
from abaca_strategies.data import DataSet, synthetic
from abaca_strategies.engine import Costs, Rules, Strategy, run_events, run_signals
from abaca_strategies.metrics import measure
from benchmarks.peers import FOLDER, install_python
from benchmarks.strategies_service import milliseconds_to_start, points_per_second, quantiles

COST = 5e-4
RULES = Rules(costs=Costs(fee_bps=5))
FAST, SLOW = 20, 50
PARTS = ("engine", "sweeps", "starts")


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


def with_bt(data: DataSet) -> float | None:
    """Bars per second of ``bt`` in its own environment; None where that is not there."""
    python = FOLDER / "bt" / "bin" / "python"
    if not python.exists():
        return None
    closes = pd.DataFrame({ticker: frame["close"] for ticker, frame in data.bars.items()}).tz_localize(None)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "closes.csv"
        closes.to_csv(path)
        script = Path(__file__).with_name("strategies_bt.py")
        words = [str(python), str(script), str(path), str(FAST), str(SLOW)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=True)
    return float(done.stdout)


def bars_per_second(data: DataSet, run: Callable[[DataSet], object], rounds: int) -> float:
    """The median over rounds, of processor time, which a busy machine changes less than the clock on the wall."""
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        run(data)
        taken.append(time.process_time() - start)
    return len(data) / statistics.median(taken)


def engine(bars: int, rounds: int) -> None:
    contenders: dict[str, Callable[[DataSet], object]] = {
        "plain vectorised pandas": vectorised,
        "abaca, signals()": lambda data: run_signals(data, cross, None, RULES),
        "abaca, signals() and all metrics": lambda data: measure(run_signals(data, cross, None, RULES)),
        "abaca, class with next()": lambda data: run_events(data, Cross, None, RULES),
        "abaca, class with stop orders": lambda data: run_events(data, Protected, None, RULES),
    }
    sets = {
        "one ticker": synthetic(tickers=1, bars=bars, timeframe="1h"),
        "twenty tickers": synthetic(tickers=20, bars=max(bars // 10, 100), start="1980-01-01"),
    }
    print(f"| bars per second of processor time | {' | '.join(sets)} |")
    print("|---|" + "---:|" * len(sets))
    for name, run in contenders.items():
        cells = [f"{bars_per_second(data, run, rounds):,.0f}" for data in sets.values()]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    theirs = [with_bt(data) for data in sets.values()]
    if None in theirs:
        print("bt was left out: it is not installed; `make bench-strategies` does that", flush=True)
    else:
        print(f"| bt, without costs | {' | '.join(f'{one:,.0f}' for one in theirs)} |", flush=True)


async def sweeps(points: int, rounds: int) -> None:
    found: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for slots, rates in found.items():
            rates.append(await points_per_second(slots, points))
    one, two = statistics.median(found[1]), statistics.median(found[2])
    words = f"{one:,.0f} points/s with one slot, {two:,.0f} with two"
    print(f"sweep of {points} points: {words}, which is {two / one / 2:.2f} of twice as many", flush=True)


async def starts(runs: int) -> None:
    middle, high = quantiles(await milliseconds_to_start(runs))
    print(f"start of user code: {middle:.0f} ms in the middle, {high:.0f} ms at nine of ten, of {runs} runs")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strategies", description=__doc__)
    parser.add_argument("--part", choices=PARTS, action="append", help="only this; may be given again")
    parser.add_argument("--bars", type=int, default=50_000, help="of one ticker; twenty have a tenth of them each")
    parser.add_argument("--points", type=int, default=1_000, help="of a sweep")
    parser.add_argument("--runs", type=int, default=50, help="whose start is measured")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--install-bt", action="store_true", help="only make the environment of bt")
    asked = parser.parse_args(arguments)
    if asked.install_bt:
        install_python("bt")
        return 0
    parts = asked.part or PARTS
    if "engine" in parts:
        engine(asked.bars, asked.rounds)
    try:
        if "sweeps" in parts:
            asyncio.run(sweeps(asked.points, asked.rounds))
        if "starts" in parts:
            asyncio.run(starts(asked.runs))
    except SandboxUnavailable as error:
        print(f"sweeps and starts were left out: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
