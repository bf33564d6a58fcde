"""Every route of strategies."""

from abaca_strategies.web import (
    agents,
    alerts,
    backtests,
    creating,
    datasets,
    parts,
    screens,
    strategies,
    sweeps,
    uploading,
)

ENDPOINTS = (
    *creating.ENDPOINTS,
    *strategies.ENDPOINTS,
    *backtests.ENDPOINTS,
    *parts.ENDPOINTS,
    *sweeps.ENDPOINTS,
    *screens.ENDPOINTS,
    *alerts.ENDPOINTS,
    *agents.ENDPOINTS,
    *uploading.ENDPOINTS,
    *datasets.ENDPOINTS,
)
