"""What the judge found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

RULES = (
    ("S1", "no accepted job is lost"),
    ("S2", "one end per job, and the stored result is its run's"),
    ("S3", "epochs rise, none is given out twice, none writes late"),
    ("S4", "starts stay within the budget"),
    ("S5", "nothing starts before it is due"),
    ("S6", "counters and indexes equal a recount"),
    ("S7", "a lease that is renewed is not taken"),
    ("S8", "no phantom: what starts was asked for, with the same arguments"),
    ("S9", "one live job per key, and limits are kept"),
    ("S10", "updates are gap-free and end once"),
    ("S11", "a job starts after those it depends on"),
    ("S12", "a job cancelled before its start never starts"),
    ("C1", "each tick of a schedule fires once"),
    ("L1", "a dead holder's job is taken over in time"),
    ("L2", "a wait returns soon after the end"),
    ("L3", "a cancelled run stops in time"),
    ("L4", "no run outlives its timeout"),
    ("L5", "no standstill while jobs are ready"),
    ("D1", "losses stay within the durability class"),
)


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise. ``job`` is empty where it concerns no single job."""

    rule: str
    job: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule} {self.job}: {self.text}" if self.job else f"{self.rule}: {self.text}"


@dataclass(slots=True)
class RuleReport:
    """``judged`` counts the cases that the rule was applied to; zero, with ``reason``, means that it was not judged."""

    rule: str
    title: str
    judged: int = 0
    broken: int = 0
    reason: str = ""

    def __str__(self) -> str:
        if not self.judged and not self.broken:
            return f"{self.rule:4} not judged: {self.reason or 'nothing of the kind in this history'}"
        return (
            f"{self.rule:4} {'BROKEN ' + str(self.broken) if self.broken else 'ok':10} of {self.judged} ({self.title})"
        )


@dataclass(slots=True)
class Findings:
    """``violations`` holds the first few of each rule; ``rules`` counts all. ``sometimes`` is the vacuity table.

    ``measures`` are figures for a report: jobs, starts, duplicates, unknown operations, recovery times.
    ``durability_loss`` counts accepted jobs that are gone as the durability class allows.
    """

    rules: dict[str, RuleReport] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)
    sometimes: Counter[str] = field(default_factory=Counter)
    measures: dict[str, float] = field(default_factory=dict)
    durability_loss: int = 0
    missing: tuple[str, ...] = ()
    """Lines of the vacuity table that were expected and did not happen."""

    @property
    def ok(self) -> bool:
        """No promise was broken, and everything expected was seen."""
        return not self.missing and not any(report.broken for report in self.rules.values())

    def lines(self) -> list[str]:
        """The findings for people."""
        table = [f"     {name}: {count}" for name, count in sorted(self.sometimes.items())]
        table += [f"     {name}: 0, and it was expected" for name in self.missing]
        return [*map(str, self.rules.values()), *(f"  - {violation}" for violation in self.violations), "seen:", *table]


class Report:
    """Where rules put what they find."""

    def __init__(self, examples: int) -> None:
        self.findings = Findings(rules={rule: RuleReport(rule, title) for rule, title in RULES})
        self._examples = examples

    def judged(self, rule: str, count: int = 1) -> None:
        self.findings.rules[rule].judged += count

    def broken(self, rule: str, job: str, text: str) -> None:
        report = self.findings.rules[rule]
        report.broken += 1
        if report.broken <= self._examples:
            self.findings.violations.append(Violation(rule, job, text))

    def not_judged(self, rule: str, reason: str) -> None:
        self.findings.rules[rule].reason = reason

    def seen(self, name: str, count: int = 1) -> None:
        if count:
            self.findings.sometimes[name] += count
