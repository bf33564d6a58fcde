"""``abaca sweep``. What is below it is loaded when it runs."""

from __future__ import annotations

from cyclopts import App

sweep = App(name="sweep", help="Try many parameters of a strategy; show or cancel such sweeps.")
for _name, (_where, _about) in {
    "run": ("sweeping:run_sweep", "Try many parameters, and tell the best."),
    "list": ("sweeps:list_sweeps", "List sweeps that ended."),
    "show": ("sweeps:show", "Show what a sweep has found, also while it runs."),
    "cancel": ("sweeps:cancel", "Cancel sweeps."),
}.items():
    sweep.command(f"abaca_strategies.command.{_where}", name=_name, help=_about)
