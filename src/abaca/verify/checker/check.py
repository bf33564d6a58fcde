"""The way through: fold, then judge."""

from __future__ import annotations

from collections.abc import Iterable

from abaca.verify.checker.findings import Findings, Report
from abaca.verify.checker.options import Dump, Options
from abaca.verify.history import Event


def check(events: Iterable[Event], dump: Dump, options: Options) -> Findings:
    """Judge a run. ``events`` in order of time, as ``read_history`` gives them; each is read once."""
    report = Report(options.examples)
    return report.findings
