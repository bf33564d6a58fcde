"""``abaca backtest``. What is below it is loaded when it runs."""

from __future__ import annotations

from cyclopts import App

backtest = App(name="backtest", help="Run strategies over past data; list, show and compare the runs.")
for _name, (_where, _about) in {
    "run": ("backtesting:run_backtest", "Run a strategy over past data, and report."),
    "list": ("runs:list_backtests", "List back-tests that ended."),
    "show": ("runs:show", "Show the result of a back-test."),
    "compare": ("runs:compare", "Put back-tests side by side."),
}.items():
    backtest.command(f"abaca_strategies.command.{_where}", name=_name, help=_about)
