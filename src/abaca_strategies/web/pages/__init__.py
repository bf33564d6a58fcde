"""The pages of the dashboard: strategies with their editor, results, comparisons, sweeps, screens, alerts, data."""

from abaca_strategies.web.pages import alerts, backtests, comparing, data, editing, listing, screens, sweeps

PAGES = (
    *listing.HANDLERS,
    *backtests.HANDLERS,
    *comparing.HANDLERS,
    *sweeps.HANDLERS,
    *screens.HANDLERS,
    *alerts.HANDLERS,
    *data.HANDLERS,
    *editing.HANDLERS,
)
