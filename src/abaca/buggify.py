"""Places in product code where a test may make something go wrong: ``buggify("loop.after_exchange")``.

Off and free in production: one read of a module-level name and a ``None`` check. Nothing is read at import. The
simulator arms it with a function that fires by seed; a chaos run arms it in real processes with
``arm_from_environment``, which a runner, a supervisor and a child call when they start. A function that fires may raise
or end the process. (FoundationDB's ``BUGGIFY`` is the model: in each run a quarter of the places are on.)
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping

VARIABLE = "ABACA_BUGGIFY"
EXIT_STATUS = 86

_fire: Callable[[str], None] | None = None


def buggify(point: str) -> None:
    """Name a place. Does nothing unless armed."""
    if _fire is not None:
        _fire(point)


def arm(fire: Callable[[str], None]) -> None:
    """Call ``fire(point)`` at every place from now on, in this process."""
    global _fire
    _fire = fire


def disarm() -> None:
    global _fire
    _fire = None


def arm_from_environment(environment: Mapping[str, str]) -> None:
    """Arm as ``ABACA_BUGGIFY`` says: ``point=chance[,point=chance...]``, each pass ends the process with that chance.

    Does nothing without the variable. Raises ``ValueError`` for one that cannot be read.
    """
    text = environment.get(VARIABLE)
    if not text:
        return
    chances: dict[str, float] = {}
    for part in text.split(","):
        point, _, chance = part.partition("=")
        chances[point.strip()] = float(chance) if chance else 1.0

    def crash(point: str) -> None:
        if random.random() < chances.get(point, 0.0):
            os._exit(EXIT_STATUS)

    arm(crash)
