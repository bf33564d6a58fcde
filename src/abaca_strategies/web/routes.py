"""Every route of strategies."""

from abaca_strategies.web import creating, strategies

ENDPOINTS = (
    *creating.ENDPOINTS,
    *strategies.ENDPOINTS,
)
