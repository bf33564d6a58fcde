"""Deaths at exact places of the product's code: those that ``buggify`` names.

A process of a chaos run arms itself from its environment. It dies only while the conductor's switch, a file, is there,
so that quiet times are quiet.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from abaca.buggify import EXIT_STATUS, arm
from abaca.verify.notes import FOLDER
from abaca.verify.plan import Plan

VARIABLE = "VERIFY_PLACES"
_SWITCH = "places.on"
_DEATHS = "places.deaths"

_PER_JOB = {"loop.before_settle": 1.0}
_PER_WORKER_SECOND = {
    "loop.before_exchange": 20.0,
    "loop.after_exchange": 20.0,
    "loop.taken_before_start": 20.0,
    "heart.after_beat": 1.0,
    "aftermath.before_settle": 0.02,
    "supervisor.before_aftermath": 0.02,
    "reaper.after_reclaim": 0.5,
    "reaper.after_settle": 0.1,
    "child.before_ended": 0.2,
    "client.before_insert": 3.0,
    "client.after_insert": 3.0,
    "sqlite.before_commit": 40.0,
}
"""About how often a process passes each place."""


def variable(plan: Plan, *, on_sqlite: bool) -> str:
    """What the processes of a run find in their environment: chances such that about ``plan.places`` of them die."""
    passes = {name: plan.jobs * rate for name, rate in _PER_JOB.items()}
    passes |= {name: plan.workers * plan.seconds * rate for name, rate in _PER_WORKER_SECOND.items()}
    if not on_sqlite:
        del passes["sqlite.before_commit"]
    each = plan.places / len(passes)
    return ",".join(f"{name}={min(0.2, each / count):.3g}" for name, count in passes.items()) if each else ""


def arm_places(environment: Mapping[str, str]) -> None:
    """From now on this process may die at a named place. Does nothing without the variable."""
    text = environment.get(VARIABLE)
    if not text:
        return
    chances = {name: float(chance) for name, _, chance in (part.partition("=") for part in text.split(","))}
    folder = Path(environment[FOLDER])

    def fire(point: str) -> None:
        if random.random() < chances.get(point, 0.0) and (folder / _SWITCH).exists():
            _note(folder, point)
            os._exit(EXIT_STATUS)

    arm(fire)


def _note(folder: Path, point: str) -> None:
    file = os.open(folder / _DEATHS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(file, f"{point}\n".encode())


def switch(folder: Path, *, on: bool) -> None:
    """Let processes die at named places, or let them live."""
    if on:
        (folder / _SWITCH).touch()
    else:
        (folder / _SWITCH).unlink(missing_ok=True)


def deaths(folder: Path) -> Counter[str]:
    """How many died at each place."""
    path = folder / _DEATHS
    return Counter(path.read_text().split()) if path.exists() else Counter()
