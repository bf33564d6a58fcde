"""What a chaos run came to."""

from __future__ import annotations

from dataclasses import dataclass

from abaca.verify.checker import Findings
from abaca.verify.plan import Plan


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What the store says of itself."""

    url: str
    durability: str
    weaknesses: tuple[str, ...]
    version: str = ""


@dataclass(frozen=True, slots=True)
class Effects:
    """What was done to the outside world: ``lines`` in all, on ``jobs`` jobs."""

    lines: int = 0
    jobs: int = 0

    @property
    def more_than_once(self) -> int:
        return self.lines - self.jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """``wrong`` are broken promises that the history's checker does not judge; ``missed`` faults that could not be done
    when they were due, ``skipped`` kinds of fault that this store or machine does not allow.
    """

    plan: Plan
    facts: StoreFacts
    findings: Findings
    tally: dict[str, int]
    effects: Effects
    jobs: int
    drained: bool
    storm_seconds: float
    total_seconds: float
    restarts: tuple[float, ...] = ()
    skipped: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()

    @property
    def broken(self) -> int:
        """How often a promise was broken."""
        return sum(report.broken for report in self.findings.rules.values()) + len(self.wrong)

    @property
    def ok(self) -> bool:
        """No promise was broken, and what was expected to happen did."""
        return not self.broken and (self.plan.may_be_vacuous or not self.findings.missing)
