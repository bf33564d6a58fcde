"""What a run's report says, and when a run has held."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from abaca.verify.checker import Findings, RuleReport, Violation
from abaca.verify.outcome import Effects, Outcome, StoreFacts
from abaca.verify.plan import Plan
from abaca.verify.report import as_data, report

URL = "redis://user:secret@localhost/0"


def outcome(**changes: object) -> Outcome:
    findings = Findings()
    for rule in ("S1", "S2", "S3", "S6"):
        findings.rules[rule] = RuleReport(rule, "a promise", judged=10)
    findings.sometimes["a key was held"] = 3
    findings.measures["recovery p99 s"] = 3.25
    held = Outcome(
        plan=Plan(url=URL, folder=Path("/somewhere"), seed=11),
        facts=StoreFacts(URL, "redis: survives a crash", ("maxmemory 0: weakens G1, set a limit",)),
        findings=findings,
        tally={"kills": 4},
        effects=Effects(12, 10),
        jobs=10,
        drained=True,
        storm_seconds=60.0,
        total_seconds=70.0,
        skipped=("faults of the server itself: it is yours",),
    )
    return replace(held, **changes)  # type: ignore[arg-type]


def test_a_run_that_held_tells_what_was_done_and_seen_and_what_weakens_the_store() -> None:
    text = report(outcome())
    assert "secret" not in text
    for part in (
        "durability  redis: survives a crash",
        "weakness    maxmemory 0: weakens G1",
        "4  kills",
        "left out: faults of the server itself",
        "3  a key was held",
        "3.25  recovery p99 s",
        "12  effects, of which 2 were not the first of their job",
        "10 jobs stored: 0 lost",
        "held: nothing that was promised was broken",
    ):
        assert part in text
    assert "/somewhere" not in text


def test_a_broken_promise_is_told_with_the_job_and_the_folder() -> None:
    broken = outcome()
    broken.findings.rules["S1"].broken = 1
    broken.findings.violations.append(Violation("S1", "job-1", "it was accepted and is gone"))
    text = report(broken)
    assert not broken.ok
    assert "S1 job-1: it was accepted and is gone" in text
    assert "BROKEN: 1 times" in text
    assert "are in /somewhere" in text


def test_a_run_that_showed_too_little_is_no_proof() -> None:
    vacuous = outcome()
    vacuous.findings.missing = ("a client died",)
    assert not vacuous.ok
    assert "a client died, though it was expected" in report(vacuous)
    assert "NO PROOF" in report(vacuous)


def test_what_the_history_does_not_judge_breaks_a_run_too() -> None:
    wrong = outcome(wrong=("3 processes that handlers left behind outlived their worker",))
    assert not wrong.ok
    assert "3 processes" in report(wrong)


def test_machines_get_the_same() -> None:
    data = as_data(outcome())
    assert data["ok"] is True
    assert data["seed"] == 11
    assert "secret" not in str(data)
    assert data["done"] == {"kills": 4}
    assert data["left_out"] == ["faults of the server itself: it is yours"]
