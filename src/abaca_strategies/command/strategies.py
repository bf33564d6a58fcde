"""``abaca strategies``. What is below it is loaded when it runs."""

from __future__ import annotations

from cyclopts import App

strategies = App(name="strategies", help="Make strategies; list, show, compare, check or delete them.")
for _name, (_where, _about) in {
    "create": ("making:create", "Take a strategy from a file, or have it written from a prompt."),
    "list": ("showing:list_strategies", "List strategies."),
    "show": ("showing:show", "Show a strategy and its code."),
    "versions": ("showing:versions", "List the versions of a strategy."),
    "diff": ("showing:diff", "Show what changed between two versions."),
    "rm": ("making:rm", "Delete strategies with all their versions."),
    "validate": ("validating:validate", "Say what is wrong with code, without running it."),
    "check": ("checking:check", "Run a strategy on cut data: does it look ahead, and how long does it warm up."),
    "data": ("data:data", "Show data sets; import, make, fetch or delete one."),
}.items():
    strategies.command(f"abaca_strategies.command.{_where}", name=_name, help=_about)
