"""What the demo came to."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from abaca.cli.demo.tasks import Summary
from abaca.cli.output import clean
from abaca.config import hide_passwords
from abaca.model import Job, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What the store says of the demo's jobs. ``recovered`` were in the killed worker's hand and completed elsewhere.

    ``seconds`` are from the first claim to the last end, by the store's clock.
    """

    jobs: int
    completed: int
    charged: int
    lost_runs: int
    in_hand: int
    recovered: int
    seconds: float

    @classmethod
    def of(cls, jobs: list[Job], in_hand: Collection[str]) -> Self:
        ended = [job for job in jobs if job.state is State.COMPLETED]
        began = min((job.started_at for job in jobs if job.started_at is not None), default=0)
        return cls(
            jobs=len(jobs),
            completed=len(ended),
            charged=sum(job.attempts for job in jobs),
            lost_runs=sum(job.losses for job in jobs),
            in_hand=len(in_hand),
            recovered=sum(job.id in in_hand for job in ended),
            seconds=(max((job.ended_at or 0 for job in jobs), default=0) - began) / 1e6,
        )

    def complaints(self, summary: Summary) -> list[str]:
        """Whatever was lost or counted twice."""
        found = []
        if self.completed != self.jobs:
            found.append(f"{self.jobs - self.completed} jobs did not complete")
        if self.recovered != self.in_hand:
            found.append(f"{self.in_hand - self.recovered} of the killed worker's jobs did not complete")
        if not summary.results == summary.files == self.jobs:
            found.append(f"{self.jobs} files gave {summary.results} results for {summary.files} paths")
        return found


def _command() -> str:
    """How the reader can call this program again: by its name where it is on PATH."""
    called = sys.argv[0]
    return "abaca" if shutil.which("abaca") or not os.path.isfile(called) else shlex.quote(os.path.relpath(called))


def print_report(url: str, queue: str, count: Count, summary: Summary) -> int:
    """Answers the exit status: 0 when every file was counted exactly once."""
    print("\nThe most complex functions")
    for most in summary.most_complex:
        print(clean(f"{most.complexity:>5}  {most.name}  {most.path}:{most.line}"))
    print(
        f"\n{summary.lines:,} lines, {summary.functions:,} functions, {summary.classes:,} classes, "
        f"{summary.imports:,} imports; {summary.not_python} files do not parse, which is a result too\n"
    )
    rate = count.completed / count.seconds if count.seconds else 0.0
    lines = {
        "jobs": f"{count.completed:,} of {count.jobs:,} completed, each counted once",
        "attempts": f"{count.charged:,} charged; {count.lost_runs} runs were lost, which charges nobody",
        "recovered": f"{count.recovered} of {count.in_hand} jobs that the killed worker had in hand",
        "rate": f"{rate:,.0f} jobs per second, {count.seconds:.1f} s from the first claim to the last end",
        "look": f"{_command()} jobs --url {shlex.quote(hide_passwords(url))} --queue {queue}",
    }
    complaints = count.complaints(summary)
    if complaints:
        lines["jobs"] = f"{count.completed:,} of {count.jobs:,} completed"
        lines["WRONG"] = "; ".join(complaints)
    if not count.in_hand:
        del lines["recovered"]
    for name, text in lines.items():
        print(f"{name:<10} {text}")
    return 1 if complaints else 0
