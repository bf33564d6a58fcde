"""How many bars a year has, for figures per year."""

from __future__ import annotations

import numpy as np

from abaca_strategies.arrays import DAY, Ints
from abaca_strategies.data.timeframes import spacing_of

TRADING_DAYS = 252
CALENDAR_DAYS = 365
_LONGER = ((300, 1), (80, 4), (24, 12), (5, 52))
_THURSDAY = 4
"""1970-01-01 as a day of the week, with Sunday as 0."""


def periods_per_year(times: Ints) -> float:
    """Bars per year from the usual distance of bars.

    Longer than 5 days: 52, 12, 4 or 1. Daily: 252, or 365 where weekends are traded. Intraday: the mean number of bars
    on a day that has any, times 252 or 365. Fewer than two bars count as daily.
    """
    days = np.unique(times // DAY)
    usual = spacing_of(times) / DAY
    for least, count in _LONGER:
        if usual >= least:
            return float(count)
    weekday = (days + _THURSDAY) % 7
    share = float(np.mean((weekday == 0) | (weekday == 6))) if len(days) else 0.0
    per_year = CALENDAR_DAYS if share > 0.15 else TRADING_DAYS
    return per_year * len(times) / len(days) if 0 < usual < 0.9 else float(per_year)
