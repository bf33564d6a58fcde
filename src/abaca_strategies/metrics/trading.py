"""Figures of the trades of a run: closed ones, unless a name says otherwise."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from abaca_strategies.arrays import DAY
from abaca_strategies.engine import Run, Trade
from abaca_strategies.metrics.figures import Figures, divide

NO_TRADES = "no trade was closed"


def trade_figures(run: Run) -> Figures:
    found, trades = Figures(), run.closed
    pnl = np.array([trade.pnl for trade in trades])
    returns = np.array([trade.returned for trade in trades])
    count, wins, losses = len(trades), returns[pnl > 0], returns[pnl < 0]
    found.put("trades", float(count))
    found.put("open_trades", float(len(run.trades) - count))
    found.put("win_rate", float(np.mean(pnl > 0)) if count else None, NO_TRADES)
    found.put("best_trade", float(np.max(returns)) if count else None, NO_TRADES)
    found.put("worst_trade", float(np.min(returns)) if count else None, NO_TRADES)
    found.put("avg_trade", float(np.mean(returns)) if count else None, NO_TRADES)
    found.put("avg_win", float(np.mean(wins)) if len(wins) else None, "no trade won")
    found.put("avg_loss", float(np.mean(losses)) if len(losses) else None, "no trade lost")
    won, lost = float(np.sum(pnl[pnl > 0])), -float(np.sum(pnl[pnl < 0]))
    found.put("profit_factor", divide(won, lost) if count else None, "no trade lost" if count else NO_TRADES)
    found.put("expectancy", float(np.mean(pnl)) if count else None, NO_TRADES)
    spread = float(np.std(pnl, ddof=1)) if count > 1 else math.nan
    found.put(
        "sqn", divide(math.sqrt(count) * float(np.mean(pnl)), spread) if count > 1 else None, "fewer than two trades"
    )
    found.put("kelly", _kelly(count, wins, losses), "there has to be a trade that won and one that lost")
    found.put("longest_wins", float(_streak(trades, won=True)))
    found.put("longest_losses", float(_streak(trades, won=False)))
    days = [(run.times[trade.exit_bar] - run.times[trade.entry_bar]) / DAY for trade in trades]
    found.put("avg_trade_days", float(np.mean(days)) if count else None, NO_TRADES)
    found.put("max_trade_days", float(np.max(days)) if count else None, NO_TRADES)
    found.put(
        "avg_trade_bars", float(np.mean([t.exit_bar - t.entry_bar for t in trades])) if count else None, NO_TRADES
    )
    return found


def _kelly(count: int, wins: np.ndarray, losses: np.ndarray) -> float | None:
    if not len(wins) or not len(losses):
        return None
    rate = len(wins) / count
    return rate - (1 - rate) / (float(np.mean(wins)) / -float(np.mean(losses)))


def _streak(trades: Sequence[Trade], *, won: bool) -> int:
    longest = now = 0
    for trade in trades:
        now = now + 1 if (trade.pnl > 0 if won else trade.pnl < 0) else 0
        longest = max(longest, now)
    return longest


def account_figures(run: Run, years: float) -> Figures:
    """What the account carried and paid."""
    found = Figures()
    gross = np.abs(run.values).sum(axis=1)
    share = gross / np.where(run.equity > 0, run.equity, np.inf)
    traded = sum(abs(fill.quantity) * fill.price for fill in run.fills)
    found.put("exposure", float(np.mean(gross > 0)))
    found.put("avg_gross", float(np.mean(share)))
    found.put("max_gross", float(np.max(share)))
    found.put("turnover", traded / float(np.mean(run.equity)) / years if years else None, "there is only one bar")
    found.put("fees", sum(fill.fee for fill in run.fills))
    found.put("slippage", sum(fill.slippage for fill in run.fills))
    return found
