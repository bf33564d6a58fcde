"""Runs the rounds: every contender does a workload before anybody does it again, each on a fresh store."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import peers
from benchmarks.registry import CONTENDERS, FLOORS, Contender
from benchmarks.report import Cell
from benchmarks.stage import Failed, fresh
from benchmarks.workloads import EXTRA, WORKLOADS


class BadChoice(Exception):
    """A name on the command line is not known; the message lists those that are."""


@dataclass(frozen=True)
class Plan:
    contenders: tuple[Contender, ...]
    workloads: tuple[str, ...]
    jobs: int
    rounds: int
    persistence: str


def choose_contenders(with_peers: bool, only: Sequence[str]) -> tuple[Contender, ...]:
    """The contenders asked for, and always the raw floors of their stores. Raises BadChoice."""
    known = {contender.name: contender for contender in CONTENDERS}
    for name in only:
        if name not in known:
            raise BadChoice(f"no contender is called {name!r}; there are {', '.join(known)}")
    wanted = set(only) or {one.name for one in CONTENDERS if with_peers or one.home == "own"}
    wanted |= {FLOORS[known[name].store] for name in wanted}
    return tuple(contender for contender in CONTENDERS if contender.name in wanted)


def choose_workloads(names: Sequence[str]) -> tuple[str, ...]:
    """The workloads asked for, in the order of the table; all but the long ones by default. Raises BadChoice."""
    for name in names:
        if name not in WORKLOADS:
            raise BadChoice(f"no workload is called {name!r}; there are {', '.join(WORKLOADS)}")
    return tuple(name for name in WORKLOADS if (name in names if names else name not in EXTRA))


def prepare(contenders: Sequence[Contender]) -> dict[str, dict[str, str]]:
    """Installs what is missing; the versions of those that can take part, by contender."""
    versions: dict[str, dict[str, str]] = {}
    for contender in contenders:
        try:
            peers.install(contender)
            versions[contender.name] = peers.versions(contender)
        except peers.Unavailable as reason:
            say(f"left out: {reason}")
    return versions


def cells(plan: Plan) -> list[Cell]:
    """The empty table: contenders below each workload."""
    return [
        Cell(workload, contender, jobs_for(plan, workload, contender))
        for workload in plan.workloads
        for contender in plan.contenders
        if workload in contender.workloads
    ]


def jobs_for(plan: Plan, workload: str, contender: Contender) -> int:
    spec = WORKLOADS[workload]
    return max(spec.least, int(plan.jobs * spec.share * (contender.scale if spec.scaled else 1.0)))


def measure(plan: Plan, table: Sequence[Cell]) -> None:
    """Fills the table. A contender that fails in a workload is left out of that workload from then on."""
    for number in range(1, plan.rounds + 1):
        for cell in table:
            if cell.error is None:
                _measure_one(cell, plan.persistence)
                outcome = _last_line(cell.error) or ", ".join(f"{k} {v:,.2f}" for k, v in cell.rounds[-1].items())
                say(f"round {number} {cell.workload} {cell.contender.name} ({cell.jobs} jobs): {outcome}")


def _measure_one(cell: Cell, persistence: str) -> None:
    try:
        with fresh(cell.contender, persistence) as stage:
            cell.rounds.append(WORKLOADS[cell.workload].run(stage, cell.jobs))
    except Failed as failure:
        cell.error = str(failure)


def _last_line(error: str | None) -> str:
    return f"FAILED: {error.strip().splitlines()[-1]}" if error else ""


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
