"""Strategies as a plugin of Abaca. Light to import: what it is made of is named by reference."""

from __future__ import annotations

from abaca import Plugin
from abaca_strategies.settings import SETTINGS

PLUGIN = Plugin(
    name="strategies",
    tasks="abaca_strategies.strategies:Strategies",
    queues=("strategies",),
    extra="strategies",
    needs=("numpy", "pandas", "matplotlib", "fastparquet"),
    router="abaca_strategies.web.routes:ENDPOINTS",
    settings=SETTINGS,
)
