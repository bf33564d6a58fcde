"""What was measured, minute by minute: the numbers behind the charts and behind "is anything wrong?"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from abaca.http.dashboard.charts import Named, Plot, bar_plot, line_plot
from abaca.http.dashboard.times import span

Numbers = tuple[float, ...]
Gaps = tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEnds:
    """How the runs of one task ended in the time that is judged. ``failed`` counts those that will be retried too."""

    ended: int
    failed: int

    @property
    def share(self) -> float:
        return self.failed / self.ended if self.ended else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One number for each minute; waits and runs are seconds, ``None`` where nothing started or ended.

    ``minutes`` are their beginnings in microseconds. ``tasks`` are of the last quarter of an hour.
    """

    minutes: tuple[int, ...]
    completed: Numbers
    failed: Numbers
    retried: Numbers
    wait_half: Gaps
    wait_most: Gaps
    run_half: Gaps
    run_most: Gaps
    tasks: Mapping[str, TaskEnds] = field(default_factory=dict)

    @property
    def failing(self) -> Gaps:
        """The share of runs that failed, in percent."""
        found: list[float | None] = []
        for good, bad, again in zip(self.completed, self.failed, self.retried, strict=True):
            runs = good + bad + again
            found.append(100 * (bad + again) / runs if runs else None)
        return tuple(found)

    @property
    def share(self) -> float:
        """The same over all minutes."""
        bad = sum(self.failed) + sum(self.retried)
        return 100 * bad / runs if (runs := bad + sum(self.completed)) else 0.0

    @property
    def per_second(self) -> float:
        """Jobs that ended per second, over the last five whole minutes."""
        ended = [sum(pair) for pair in zip(self.completed, self.failed, strict=True)][-6:-1]
        return sum(ended) / (60 * len(ended)) if ended else 0.0


@dataclass(frozen=True, slots=True)
class Chart:
    """A plot with its heading; ``unit`` says what its numbers are."""

    id: str
    title: str
    unit: str
    plot: Plot


def charts(series: Series) -> list[Chart]:
    throughput = [
        Named("completed", "completed", series.completed),
        Named("retried", "retrying", series.retried),
        Named("failed", "failed", series.failed),
    ]
    latency = [
        Named("wait p50", "wait-half", series.wait_half),
        Named("wait p95", "wait-most", series.wait_most),
        Named("run p50", "run-half", series.run_half),
        Named("run p95", "run-most", series.run_most),
    ]
    failing = [Named("failed runs", "failed", series.failing)]
    shares = bar_plot(series.minutes, failing, _percent, 10, total=series.share)
    return [
        Chart("throughput", "Throughput", "runs a minute", bar_plot(series.minutes, throughput, _count, 10)),
        Chart("latency", "Latency", "", line_plot(series.minutes, latency, span, 0.01)),
        Chart("failures", "Failures", "share of runs", shares),
    ]


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _percent(value: float) -> str:
    return f"{value:.3g} %"
