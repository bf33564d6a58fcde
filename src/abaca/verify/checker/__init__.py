"""The judge of a history: ``check(events, dump, options)``.

Phase one folds the events into one small track per job; phase two holds every track against the record the store had at
the end. A rule whose events are absent says "not judged" and why: it never passes in silence. What each rule is
computed from stands in the docstring of its module:

S1, S8, D1 ``accepted``; S2, S3 ``ends``; S4, S5, S12 ``starts``; S6 ``counts``; S7, L1 ``leases``; S9 ``keys``;
S10 ``logs``; S11, C1 ``plans``; L2, L3, L4 ``times``; L5 ``progress``.

A million jobs take about one gigabyte.
"""

from abaca.verify.checker.check import check
from abaca.verify.checker.findings import Findings, RuleReport, Violation
from abaca.verify.checker.options import Dump, Options

__all__ = ["Dump", "Findings", "Options", "RuleReport", "Violation", "check"]
