"""Short chaos runs for tests, patient enough for a machine with other work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from abaca.verify.conduct import conduct
from abaca.verify.outcome import Outcome
from abaca.verify.plan import Plan
from abaca.verify.report import report

SEED = int(os.environ.get("ABACA_TEST_SEED", "7"))
PATIENT: dict[str, Any] = {"slack": 60.0, "window": 60.0, "patience": 120.0, "lease": 2.0, "workers": 3}
SMALL: dict[str, Any] = {
    "minutes": 0.2,
    "jobs": 2500,
    "kills": 4,
    "pills": 6,
    "stops": 2,
    "store_kills": 1,
    "network_faults": 5,
    "client_kills": 1,
    "flushes": 4,
    "clock_jumps": 2,
    "places": 4,
}
_TRIES = 3


async def held(folder: Path, **options: Any) -> Outcome:
    """A run in which nothing was broken and everything expected was seen; where chance gave too little, again.

    An assertion fails with the run's report when a promise was broken, or when three runs showed too little.
    """
    missing: tuple[str, ...] = ()
    for number in range(_TRIES):
        plan = Plan(folder=folder / f"run-{number}", seed=SEED + number, **{**PATIENT, **SMALL, **options})
        outcome = await conduct(plan)
        print(report(outcome))  # noqa: T201 - pytest shows it with a failure
        assert outcome.broken == 0, f"seed {plan.seed}"
        if outcome.ok:
            return outcome
        missing = outcome.findings.missing
    raise AssertionError(f"in {_TRIES} runs these never happened: {missing}")


async def broken(folder: Path, application: str, url: str) -> Outcome:
    """A short run without faults on a store that breaks a promise."""
    quiet = dict.fromkeys(("kills", "pills", "stops", "store_kills", "network_faults", "client_kills"), 0)
    plan = Plan(
        folder=folder,
        seed=SEED,
        url=url,
        application=application,
        **{
            **PATIENT,
            **quiet,
            "minutes": 0.08,
            "jobs": 2000,
            "flushes": 0,
            "clock_jumps": 0,
            "places": 0,
            "lease": 1.0,
        },
    )
    return await conduct(plan)
