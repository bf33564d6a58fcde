"""When which fault comes: drawn once, from a seed, before the run begins."""

from __future__ import annotations

import random
from dataclasses import dataclass

from abaca.verify.plan import Plan

QUIET_SHARE = 0.25
_FIRST = 2.0
"""Seconds at the start in which nothing happens: the crew is still coming up."""
KILLS = ("tree", "tree", "supervisor", "runner")
NETWORK = ("latency", "slices", "silence", "reset", "refuse", "cut", "cut")
FLUSHES = ("functions", "scripts", "clients", "memory", "freeze")


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """``at`` and ``lasts`` in seconds from the start; ``how`` is the kind's variant, ``draw`` its own random number."""

    at: float
    kind: str
    how: str = ""
    lasts: float = 0.0
    draw: float = 0.0


@dataclass(frozen=True, slots=True)
class Period:
    begins: float
    ends: float
    quiet: bool


@dataclass(frozen=True, slots=True)
class Can:
    """What this store and machine allow. ``kill_store`` also stands for SQLite's way of it."""

    kill_store: bool = False
    rule_server: bool = False
    network: bool = False
    clocks: bool = False


def periods(plan: Plan, rng: random.Random) -> list[Period]:
    """The run in equal parts, a quarter of them quiet, never two at the start; at least one has faults."""
    count = max(2, round(plan.seconds / plan.period))
    length = plan.seconds / count
    quiet = set(rng.sample(range(1, count), max(1, round(count * QUIET_SHARE)))) if count > 2 else {1}
    return [Period(n * length, (n + 1) * length, n in quiet) for n in range(count)]


def schedule(plan: Plan, parts: list[Period], can: Can, rng: random.Random) -> list[Fault]:
    """All faults in order. None begins in a quiet period, and none lasts into one."""
    loud = [part for part in parts if not part.quiet]
    faults: list[Fault] = []
    faults += [_at(loud, rng, "kill", KILLS[number % len(KILLS)]) for number in range(plan.kills)]
    for number in range(plan.stops):
        lasts = plan.lease * rng.uniform(1.4, 2.0)
        faults.append(_at(loud, rng, "stop", ("worker", "runner")[number % 4 == 3], lasts))
    faults += [_at(loud, rng, "deploy") for _ in range(round(plan.kills / 8))]
    faults += [_at(loud, rng, "kill-client") for _ in range(plan.client_kills)]
    if can.kill_store:
        faults += [_at(loud, rng, "kill-store", lasts=rng.uniform(0.1, 1.5)) for _ in range(plan.store_kills)]
    if can.rule_server:
        for number in range(plan.flushes):
            faults.append(_at(loud, rng, "server", FLUSHES[number % len(FLUSHES)], rng.uniform(0.5, 2.5)))
    if can.network:
        for number in range(plan.network_faults):
            faults.append(_at(loud, rng, "network", NETWORK[number % len(NETWORK)], rng.uniform(0.3, 2.5)))
    if can.clocks:
        for number in range(plan.clock_jumps):
            faults.append(_at(loud, rng, "clock", ("worker", "store")[number % 2], rng.uniform(1.0, 4.0)))
    return sorted(faults)


def _at(loud: list[Period], rng: random.Random, kind: str, how: str = "", lasts: float = 0.0) -> Fault:
    part = rng.choice(loud)
    begins = max(part.begins, _FIRST)
    room = max(0.0, part.ends - begins)
    lasts = min(lasts, room * 0.95)
    return Fault(begins + rng.random() * (room - lasts), kind, how, lasts, rng.random())
