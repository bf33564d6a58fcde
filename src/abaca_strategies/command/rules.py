"""``abaca alerts list``, ``show``, ``rm``, ``mute``, ``unmute`` and ``history``"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from abaca import ConfigError
from abaca.cli import EXIT_OK, Given, note, print_json, print_pairs, print_table, say
from abaca_strategies.command.running import run
from abaca_strategies.flowmodels import AlertRule
from abaca_strategies.strategies import Strategies

RuleId = Annotated[str, Parameter(name="RULE", help="The id of the rule.")]
Limit = Annotated[int, Parameter(help="How many.")]
Cursor = Annotated[str | None, Parameter(help="Where the answer before ended.")]
OfStrategy = Annotated[int | None, Parameter(help="Only of a strategy.")]


def list_rules(*, strategy: OfStrategy = None, limit: Limit = 50, cursor: Cursor = None, session: Given) -> int:
    """List alert rules, with when they ran and what became of it."""
    page = run(session, lambda service: service.alerts.list(cursor=cursor, limit=limit, strategy_id=strategy))
    if session.json:
        print_json(page)
        return EXIT_OK
    rows = [
        (
            one.id,
            one.rule.strategy_id,
            one.rule.every or one.rule.cron,
            one.rule.name,
            "muted" if one.rule.is_muted else "",
            one.last_run_at,
            one.last_trigger_at,
            one.next_run_at,
            one.last_error,
        )
        for one in page.items
    ]
    heads = ("rule", "strategy", "when", "name", "", "ran", "triggered", "next", "error")
    print_table(heads, rows, "there are no alert rules")
    if page.cursor:
        note(f"there are more: --cursor {page.cursor}")
    return EXIT_OK


def show(rule: RuleId, /, *, session: Given) -> int:
    """Show an alert rule: what it evaluates and when, and how it went."""
    say_rule(session, run(session, lambda service: service.alerts.get(rule)))
    return EXIT_OK


def say_rule(session: Given, rule: AlertRule) -> None:
    if session.json:
        print_json(rule)
        return
    given = rule.rule
    print_pairs(
        [
            ("rule", rule.id),
            ("name", given.name),
            ("strategy", f"{given.strategy_id} version {given.version or 'newest'}"),
            ("every", given.every),
            ("cron", None if given.cron is None else f"{given.cron} ({given.tz})"),
            ("data", given.dataset),
            ("tickers", ", ".join(given.universe or ())),
            ("threshold", given.threshold),
            ("bucket", given.min_timeframe),
            ("webhook", given.webhook),
            ("cooldown", f"{given.cooldown_seconds:g} s" if given.cooldown_seconds else None),
            ("muted", "yes" if given.is_muted else None),
            ("created", rule.created_at),
            ("ran", rule.last_run_at),
            ("triggered", rule.last_trigger_at),
            ("next", rule.next_run_at),
            ("error", rule.last_error),
        ]
    )


def rm(*rules: Annotated[str, Parameter(name="RULE", help="The id of the rule.")], session: Given) -> int:
    """Delete alert rules. What they found stays in the history."""
    _named(rules)

    async def work(service: Strategies) -> None:
        for id in rules:
            await service.alerts.get(id)
        for id in rules:
            await service.alerts.delete(id)

    run(session, work)
    if session.json:
        print_json({"deleted": list(rules)})
    else:
        say(f"deleted: {', '.join(rules)}")
    return EXIT_OK


def mute(*rules: Annotated[str, Parameter(name="RULE", help="The id of the rule.")], session: Given) -> int:
    """Go on evaluating rules and keeping what they find, and tell nobody, of these neither later."""
    return _muted(session, rules, is_muted=True)


def unmute(*rules: Annotated[str, Parameter(name="RULE", help="The id of the rule.")], session: Given) -> int:
    """Tell again what rules find from now on."""
    return _muted(session, rules, is_muted=False)


def _muted(session: Given, rules: Sequence[str], *, is_muted: bool) -> int:
    _named(rules)

    async def work(service: Strategies) -> list[AlertRule]:
        for id in rules:
            await service.alerts.get(id)
        return [await service.alerts.mute(id, is_muted) for id in rules]

    changed = run(session, work)
    if session.json:
        print_json(changed)
    else:
        say(f"{'muted' if is_muted else 'no longer muted'}: {', '.join(rules)}")
    return EXIT_OK


def _named(rules: Sequence[str]) -> None:
    if not rules:
        raise ConfigError("name a rule by its id")


def history(
    rule: Annotated[str | None, Parameter(name="RULE", help="Only of a rule.")] = None,
    /,
    *,
    strategy: OfStrategy = None,
    ticker: Annotated[str | None, Parameter(help="Only of a ticker.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    session: Given,
) -> int:
    """List what was found, the newest first, and what became of it: sent, muted, cooldown, or kept."""
    page = run(
        session,
        lambda service: service.alerts.history(
            rule_id=rule, strategy_id=strategy, ticker=ticker, cursor=cursor, limit=limit
        ),
    )
    if session.json:
        print_json(page)
        return EXIT_OK
    rows = [
        (
            one.triggered_at,
            one.strategy_id,
            one.ticker,
            one.bucket,
            one.score,
            ", ".join(f"{id} {what}" for id, what in one.rules.items()),
        )
        for one in page.items
    ]
    print_table(("found", "strategy", "ticker", "bucket", "score", "rules"), rows, "nothing was found yet")
    if page.cursor:
        note(f"there are more: --cursor {page.cursor}")
    return EXIT_OK
