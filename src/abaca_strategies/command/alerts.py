"""``abaca alerts``. What is below it is loaded when it runs."""

from __future__ import annotations

from cyclopts import App

alerts = App(name="alerts", help="Evaluate strategies by the clock: create, list, mute, test or delete such rules.")
for _name, (_where, _about) in {
    "create": ("ruling:create", "Evaluate a strategy by the clock."),
    "list": ("rules:list_rules", "List alert rules."),
    "show": ("rules:show", "Show an alert rule."),
    "rm": ("rules:rm", "Delete alert rules."),
    "mute": ("rules:mute", "Go on evaluating rules, and tell nobody."),
    "unmute": ("rules:unmute", "Tell again what rules find."),
    "test": ("ruling:test", "Evaluate a rule now, and keep nothing."),
    "history": ("rules:history", "List what was found."),
}.items():
    alerts.command(f"abaca_strategies.command.{_where}", name=_name, help=_about)
