"""A chaos run's report for people."""

from __future__ import annotations

import platform
import textwrap
from collections.abc import Iterator

from abaca.config import hide_passwords
from abaca.verify.outcome import Outcome

_WIDTH = 110


def report(outcome: Outcome) -> str:
    return "\n".join(_lines(outcome)) + "\n"


def as_data(outcome: Outcome) -> dict[str, object]:
    """The same for machines."""
    findings = outcome.findings
    return {
        "ok": outcome.ok,
        "seed": outcome.plan.seed,
        "store": hide_passwords(outcome.facts.url),
        "durability": outcome.facts.durability,
        "weaknesses": list(outcome.facts.weaknesses),
        "jobs": outcome.jobs,
        "effects": outcome.effects.lines,
        "effects_more_than_once": outcome.effects.more_than_once,
        "done": outcome.tally,
        "seen": dict(findings.sometimes),
        "not_seen": list(findings.missing),
        "measures": findings.measures,
        "rules": {rule: {"judged": each.judged, "broken": each.broken} for rule, each in findings.rules.items()},
        "violations": [*map(str, findings.violations), *outcome.wrong],
        "left_out": list(outcome.skipped),
        "folder": str(outcome.plan.folder),
    }


def _lines(outcome: Outcome) -> Iterator[str]:
    yield from _store(outcome)
    yield from _done(outcome)
    yield from _seen(outcome)
    yield from _promises(outcome)
    yield from _verdict(outcome)


def _store(outcome: Outcome) -> Iterator[str]:
    facts = outcome.facts
    version = f", {facts.version}" if facts.version else ""
    yield f"store       {hide_passwords(facts.url)}{version}, Python {platform.python_version()}"
    yield f"durability  {facts.durability}"
    if not facts.weaknesses:
        yield "weaknesses  none: no setting of this store weakens a guarantee"
    for weakness in facts.weaknesses:
        yield from textwrap.wrap(weakness, _WIDTH, initial_indent="weakness    ", subsequent_indent=" " * 12)


def _done(outcome: Outcome) -> Iterator[str]:
    plan = outcome.plan
    yield ""
    yield (
        f"what was done, by {plan.workers} workers and {plan.clients} clients in {outcome.storm_seconds:.0f} s "
        f"(seed {plan.seed}, lease {plan.lease:g} s):"
    )
    for what, count in outcome.tally.items():
        yield f"  {count:>9,}  {what}"
    for text in outcome.skipped:
        yield f"  left out: {text}"
    for text in outcome.missed[:5]:
        yield f"  could not be done when it was due: {text}"


def _seen(outcome: Outcome) -> Iterator[str]:
    yield ""
    yield "what was seen:"
    for name, count in sorted(outcome.findings.sometimes.items()):
        yield f"  {count:>9,}  {name}"
    for name in outcome.findings.missing:
        yield f"  {0:>9}  {name}, though it was expected"
    for name, value in outcome.findings.measures.items():
        yield f"  {value:>9,.2f}  {name}" if name.endswith(" s") else f"  {value:>9,.0f}  {name}"
    effects = outcome.effects
    yield f"  {effects.lines:>9,}  effects, of which {effects.more_than_once:,} were not the first of their job"
    if outcome.restarts:
        yield f"  {max(outcome.restarts):>9,.2f}  longest restart of the server, s"


def _promises(outcome: Outcome) -> Iterator[str]:
    yield ""
    yield "what was promised:"
    for rule in outcome.findings.rules.values():
        yield f"  {rule}"
    for violation in outcome.findings.violations:
        yield f"  - {violation}"
    for text in outcome.wrong:
        yield f"  - {text}"


def _verdict(outcome: Outcome) -> Iterator[str]:
    yield ""
    rules = outcome.findings.rules
    lost, twice = rules["S1"].broken, rules["S3"].broken
    yield (
        f"{outcome.jobs:,} jobs stored: {lost} lost, {rules['S2'].broken} results changed or ended twice, "
        f"{twice} late writes accepted, {rules['S6'].broken} counters or indexes wrong"
    )
    if outcome.ok:
        yield f"held: nothing that was promised was broken ({outcome.total_seconds:.0f} s)"
    elif outcome.broken:
        yield f"BROKEN: {outcome.broken} times something that was promised did not hold"
    else:
        yield "NO PROOF: nothing was broken, but what should have been put to the test did not happen"
    if not outcome.ok or outcome.plan.keep:
        yield f"seed, schedule, fault log and histories are in {outcome.plan.folder}"
