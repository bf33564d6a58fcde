"""The back-test engine: one account, any number of tickers, one bar after the other."""

from abaca_strategies.engine.events import Strategy, run_events
from abaca_strategies.engine.instances import EventStudy, Horizon, Instances, run_instances, study
from abaca_strategies.engine.market import Market
from abaca_strategies.engine.records import Fill, Rejection, Trade
from abaca_strategies.engine.rules import Costs, Rules, Sizing
from abaca_strategies.engine.run import Run
from abaca_strategies.engine.targets import run_signals, run_targets, run_weights, signal_targets
from abaca_strategies.models import ENGINE_VERSION

__all__ = [
    "ENGINE_VERSION",
    "Costs",
    "EventStudy",
    "Fill",
    "Horizon",
    "Instances",
    "Market",
    "Rejection",
    "Rules",
    "Run",
    "Sizing",
    "Strategy",
    "Trade",
    "run_events",
    "run_instances",
    "run_signals",
    "run_targets",
    "run_weights",
    "signal_targets",
    "study",
]
