"""Strategies as a plugin of Abaca. Light to import: what it is made of is named by reference."""

from __future__ import annotations

from abaca import Plugin, PluginCommand
from abaca_strategies.settings import SETTINGS

PLUGIN = Plugin(
    name="strategies",
    tasks="abaca_strategies.strategies:Strategies",
    queues=("strategies",),
    extra="strategies",
    needs=("numpy", "pandas", "matplotlib", "fastparquet"),
    router="abaca_strategies.web.routes:ENDPOINTS",
    pages="abaca_strategies.web.pages:PAGES",
    title="Strategies",
    icon="strategies",
    commands=(
        PluginCommand(
            "strategies",
            "abaca_strategies.command.strategies:strategies",
            "Make strategies; list, show, compare, check or delete them.",
        ),
        PluginCommand(
            "backtest",
            "abaca_strategies.command.backtest:backtest",
            "Run strategies over past data; list, show and compare the runs.",
        ),
        PluginCommand(
            "sweep",
            "abaca_strategies.command.sweep:sweep",
            "Try many parameters of a strategy; show or cancel such sweeps.",
        ),
        PluginCommand(
            "screen", "abaca_strategies.command.screen:screen", "Rank tickers by what strategies say of them."
        ),
        PluginCommand(
            "alerts",
            "abaca_strategies.command.alerts:alerts",
            "Evaluate strategies by the clock: create, list, mute, test or delete such rules.",
        ),
        PluginCommand(
            "data", "abaca_strategies.command.data:data", "Show data sets; import, make, fetch or delete one."
        ),
    ),
    settings=SETTINGS,
)
