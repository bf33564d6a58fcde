"""Results: medians, ratios to the raw floor, a JSON file with everything and a Markdown table for people."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.registry import FLOORS, Contender
from benchmarks.server import PERSISTENCE, redis_version
from benchmarks.workloads import WORKLOADS, Figures

RESULTS = Path(__file__).resolve().parent / "results"

COLUMNS = {
    "rate": "jobs/s",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "bytes": "bytes",
    "worker_cpu": "worker CPU s/10k",
    "parent_cpu": "of it first process",
    "client_cpu": "client CPU s/10k",
    "server_cpu": "Redis CPU s/10k",
    "busy": "cores busy",
    "short_rate": "jobs/s short",
    "long_rate": "jobs/s long",
    "short_cpu": "CPU s/10k short",
    "long_cpu": "CPU s/10k long",
    "cost_ratio": "cost long / short",
}
STORES = {"redis": "Redis", "sqlite": "SQLite"}
AGAINST_FLOOR = ("rate", "p50_ms", "bytes", "worker_cpu")


@dataclass
class Cell:
    """One contender in one workload: the figures of every round, or why there are none."""

    workload: str
    contender: Contender
    jobs: int
    rounds: list[Figures] = field(default_factory=list)
    error: str | None = None

    def median(self) -> Figures:
        names = self.rounds[0] if self.rounds else {}
        return {name: statistics.median(figures[name] for figures in self.rounds) for name in names}


@dataclass(frozen=True)
class Run:
    name: str
    date: str
    rounds: int
    jobs: int
    persistence: str
    versions: dict[str, dict[str, str]]
    machine: dict[str, str]
    cells: Sequence[Cell]


def machine() -> dict[str, str]:
    """What the figures depend on: processor, cores, kernel, Python, Redis, and how busy it was already."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    return {
        "cpu": model,
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "redis": redis_version(),
        "files": _filesystem(tempfile.gettempdir()),
        "load before": load(),
        "commit": _commit(),
    }


def load() -> str:
    """How busy the machine was in the last 1, 5 and 15 minutes."""
    return " ".join(f"{average:.1f}" for average in os.getloadavg())


def _filesystem(path: str) -> str:
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    holding = [(place, kind) for place, kind in mounts if f"{path}/".startswith(f"{place.rstrip('/')}/")]
    return max(holding, key=lambda mount: len(mount[0]))[1] if holding else "unknown"


def _commit() -> str:
    command = ["git", "-C", str(RESULTS.parent), "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "none"


def save(run: Run) -> Path:
    """Writes the JSON and the Markdown file; the path of the latter."""
    RESULTS.mkdir(exist_ok=True)
    stem = RESULTS / f"{run.date}-{run.name}"
    content = {
        "name": run.name,
        "date": run.date,
        "machine": run.machine,
        "redis": " ".join(word or "''" for word in PERSISTENCE[run.persistence]),
        "jobs": run.jobs,
        "rounds": run.rounds,
        "versions": run.versions,
        "cells": [
            {
                "workload": cell.workload,
                "contender": cell.contender.name,
                "jobs": cell.jobs,
                "median": _rounded(cell.median()),
                "rounds": [_rounded(figures) for figures in cell.rounds],
                "error": cell.error,
            }
            for cell in run.cells
        ],
    }
    stem.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n")
    stem.with_suffix(".md").write_text(markdown(run))
    return stem.with_suffix(".md")


def _rounded(figures: Figures) -> Figures:
    return {name: float(f"{value:.5g}") for name, value in figures.items()}


def markdown(run: Run) -> str:
    lines = [
        f"# {run.name}, {run.date}",
        "",
        ", ".join(f"{name}: {value}" for name, value in run.machine.items()) + ".",
        "",
        f"Redis started with `{' '.join(word or chr(39) * 2 for word in PERSISTENCE[run.persistence])}` for everybody. "
        f"Median of {run.rounds} interleaved rounds; the spread of the rounds in brackets. "
        "`x` is the ratio to the raw floor of the same store in the same run.",
        "",
    ]
    for workload, store in dict.fromkeys((cell.workload, cell.contender.store) for cell in run.cells):
        cells = [cell for cell in run.cells if (cell.workload, cell.contender.store) == (workload, store)]
        lines += [f"## {WORKLOADS[workload].title}, {STORES[store]} (`{workload}`)", "", *_table(cells), ""]
    lines += ["## Versions", "", "| contender | setup | versions |", "|---|---|---|"]
    for contender in {cell.contender.name: cell.contender for cell in run.cells}.values():
        packages = ", ".join(f"{name} {version}" for name, version in run.versions.get(contender.name, {}).items())
        lines.append(f"| {contender.name} | {contender.note} | {packages} |")
    return "\n".join(lines) + "\n"


def _table(cells: Sequence[Cell]) -> list[str]:
    medians = {cell.contender.name: cell.median() for cell in cells}
    names = [name for name in COLUMNS if any(name in figures for figures in medians.values())]
    titles = [text for name in names for text in ([COLUMNS[name], "x"] if name in AGAINST_FLOOR else [COLUMNS[name]])]
    rows = [f"| contender | jobs | {' | '.join(titles)} |", "|---|" + "---:|" * (len(titles) + 1)]
    for cell in cells:
        figures = medians[cell.contender.name]
        floor = medians.get(FLOORS[cell.contender.store], {})
        row = [cell.contender.name, str(cell.jobs)]
        if cell.error is not None:
            row += [f"failed: {cell.error.splitlines()[0][:80]}"] + [""] * (len(titles) - 1)
        else:
            for name in names:
                row += _entry(name, cell, figures.get(name), floor.get(name))
        rows.append(f"| {' | '.join(row)} |")
    return rows


def _entry(name: str, cell: Cell, value: float | None, floor: float | None) -> list[str]:
    if value is None:
        return ["", ""] if name in AGAINST_FLOOR else [""]
    text = _number(name, value)
    if name in ("rate", "p50_ms") and len(cell.rounds) > 1:
        text += (
            f" ({_number(name, min(r[name] for r in cell.rounds))}-{_number(name, max(r[name] for r in cell.rounds))})"
        )
    if name not in AGAINST_FLOOR:
        return [text]
    return [text, f"{value / floor:.2f}" if floor else ""]


def _number(name: str, value: float) -> str:
    if name == "busy":
        return f"{value:.0%}"
    if name == "cost_ratio" or name.endswith(("_ms", "_cpu")):
        return f"{value:.2f}"
    return f"{value:,.0f}"
