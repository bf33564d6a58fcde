"""Every route of strategies."""

from abaca_strategies.web import agents, backtests, creating, parts, strategies

ENDPOINTS = (
    *creating.ENDPOINTS,
    *strategies.ENDPOINTS,
    *backtests.ENDPOINTS,
    *parts.ENDPOINTS,
    *agents.ENDPOINTS,
)
