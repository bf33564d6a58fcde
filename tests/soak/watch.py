"""Samples of processes over time, and whether they grow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from abaca.verify import proc

WARM_UP = 0.3
"""The part of a run whose samples are left out: caches and pools fill up first."""
MOST_GROWTH_MB = 6.0
"""What the line through a process's memory may rise in the run. Garbage that waits for its collection is above it."""
MOST_MORE = 3
"""How many more descriptors or sockets the last third of a run may show at its least than the first third."""
WINDOW = 5


@dataclass(slots=True)
class Sample:
    """One process at one instant: memory in MB, open descriptors, sockets among them."""

    at: float
    rss: float
    descriptors: int
    sockets: int


@dataclass(slots=True)
class Series:
    name: str
    samples: list[Sample] = field(default_factory=list)

    @property
    def warm(self) -> list[Sample]:
        return self.samples[int(len(self.samples) * WARM_UP) :]

    def faults(self) -> list[str]:
        """What grew that must not."""
        if len(self.warm) < 6:
            return [f"{self.name}: only {len(self.samples)} samples"]
        found = []
        if (growth := self.growth()) > MOST_GROWTH_MB:
            found.append(f"{self.name}: memory rose by {growth:.1f} MB")
        for what in ("descriptors", "sockets"):
            more = rise([getattr(sample, what) for sample in self.warm])
            if more > MOST_MORE:
                found.append(f"{self.name}: {more} more {what} at the end")
        return found

    def growth(self) -> float:
        """MB between the ends of the line through the warm samples."""
        times = [sample.at for sample in self.warm]
        return slope(times, [sample.rss for sample in self.warm]) * (times[-1] - times[0])

    def line(self, hours: float) -> str:
        warm = self.warm
        return (
            f"  {self.name:<24} {warm[-1].rss:>7.1f} MB ({self.growth() / hours / (1 - WARM_UP):+.1f} MB an hour), "
            f"descriptors {low(warm, 'descriptors')} to {high(warm, 'descriptors')}, "
            f"sockets {low(warm, 'sockets')} to {high(warm, 'sockets')}"
        )


def low(samples: Sequence[Sample], what: str) -> int:
    return int(min(getattr(sample, what) for sample in samples))


def high(samples: Sequence[Sample], what: str) -> int:
    return int(max(getattr(sample, what) for sample in samples))


def slope(times: Sequence[float], values: Sequence[float]) -> float:
    """Of the line that fits best, by least squares."""
    mean_t, mean_v = sum(times) / len(times), sum(values) / len(values)
    spread = sum((t - mean_t) ** 2 for t in times)
    return sum((t - mean_t) * (v - mean_v) for t, v in zip(times, values, strict=True)) / spread if spread else 0.0


def rise(values: Sequence[int]) -> int:
    """How far the least of the last third lies above the least of the first, so that a short use does not count."""
    third = max(1, len(values) // 3)
    return min(values[-third:]) - min(values[:third])


def standstills(ended: Sequence[tuple[float, int, int]], window: float = WINDOW) -> list[str]:
    """Of (instant, jobs ended so far, jobs due) in order: windows in which jobs were due throughout and none ended.

    Until the first job has ended the workers may still be starting.
    """
    found = []
    begin = next((at for at, (_, count, _) in enumerate(ended) if count), len(ended))
    for at in range(begin + 1, len(ended)):
        same = ended[at][1] == ended[begin][1]
        if not same or ended[at][2] == 0:
            begin = at
        elif ended[at][0] - ended[begin][0] >= window:
            found.append(
                f"from {ended[begin][0]:.0f} to {ended[at][0]:.0f} s no job ended, and {ended[at][2]} were due"
            )
            begin = at
    return found


def look(pid: int, at: float) -> Sample | None:
    """A process as it is; ``None`` when it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        folder = f"/proc/{pid}/fd"
        names = [_target(f"{folder}/{name}") for name in os.listdir(folder)]
    except OSError:
        return None
    sockets = sum(name.startswith("socket:") for name in names)
    return Sample(at, pages * os.sysconf("SC_PAGE_SIZE") / 1e6, len(names), sockets)


def _target(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def lasting(pid: int) -> list[int]:
    """The processes of a worker that stay as long as it does: its supervisor, and the runners below."""
    return [found for found in proc.tree(pid) if found == pid or proc.runs_module(found, proc.RUNNER)]
