"""Every route of strategies."""

from abaca_strategies.web import agents, backtests, creating, datasets, parts, strategies, uploading

ENDPOINTS = (
    *creating.ENDPOINTS,
    *strategies.ENDPOINTS,
    *backtests.ENDPOINTS,
    *parts.ENDPOINTS,
    *agents.ENDPOINTS,
    *uploading.ENDPOINTS,
    *datasets.ENDPOINTS,
)
