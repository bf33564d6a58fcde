"""What this package raises: each says which setting, file or strategy is meant and what to do."""

from __future__ import annotations


class StrategyError(Exception):
    """Something about a strategy, its data or its settings cannot be used. The text is for the strategy's author."""


class DataError(StrategyError):
    """Market data that cannot be read or are not sound."""


class RulesError(StrategyError):
    """Settings of a back-test that contradict each other or lie outside their range."""
