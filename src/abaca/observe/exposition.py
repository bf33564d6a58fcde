"""What ``/metrics`` answers: the sums of all workers and the store's counts of now, in Prometheus' text format.

Every process that is asked answers the same, because all of it is in the store: scrape one of them. Counters are sums
over all workers that ever were, so they go on over restarts and never fall.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from abaca.backend import Backend
from abaca.measures import BOUNDS, CALL_BOUNDS, MOST_CELLS, OTHER, OUTCOMES, Cell, Measures
from abaca.model import Stats
from abaca.observe.reading import read_totals

CONTENT_TYPE = CONTENT_TYPE_LATEST
_MOST_QUEUES = 200


class Exposition:
    """One for each process that answers scrapes: it remembers which queues and tasks have labels of their own.

    At most ``most`` pairs do; what comes after them is counted under ``OTHER``, and stays there as long as this object
    lives, so that no counter falls.
    """

    def __init__(self, most: int = MOST_CELLS) -> None:
        self._most = most
        self._pairs: set[tuple[str, str]] = set()

    async def text(self, backend: Backend) -> bytes:
        """The answer to one scrape. Raises ``BackendUnavailable``."""
        totals, stats = await asyncio.gather(read_totals(backend), backend.stats())
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collected([*self._of_jobs(totals), *_of_calls(totals), *_of_store(stats)]))
        return generate_latest(registry)

    def _bounded(self, totals: Measures) -> list[Cell]:
        bounded = Measures()
        for pair, cell in sorted(totals.cells.items()):
            if pair in self._pairs or len(self._pairs) < self._most:
                self._pairs.add(pair)
                bounded.add(Measures([cell]))
            else:
                bounded.add(Measures([cell.under(OTHER, OTHER)]))
        return list(bounded.cells.values())

    def _of_jobs(self, totals: Measures) -> Iterator[Metric]:
        cells = self._bounded(totals)
        for name, text, values in (
            ("abaca_jobs_started", "Claims of jobs by workers", [cell.started for cell in cells]),
            ("abaca_job_timeouts", "Runs that were stopped at their timeout", [cell.timeouts for cell in cells]),
            (
                "abaca_lease_losses",
                "Runs whose job was no longer theirs when they ended",
                [cell.lease_losses for cell in cells],
            ),
            (
                "abaca_jobs_reclaimed",
                "Jobs taken over from workers that had fallen silent",
                [cell.reclaimed for cell in cells],
            ),
        ):
            family = CounterMetricFamily(name, f"{text}.", labels=("queue", "task"))
            for cell, value in zip(cells, values, strict=True):
                family.add_metric((cell.queue, cell.task), value)
            yield family
        finished = CounterMetricFamily("abaca_jobs_finished", "Ends of runs.", labels=("queue", "task", "outcome"))
        waits = HistogramMetricFamily(
            "abaca_job_wait_seconds", "From a job's due time to its claim.", labels=("queue", "task")
        )
        runs = HistogramMetricFamily(
            "abaca_job_run_seconds", "From a claim to the end of the run.", labels=("queue", "task")
        )
        for cell in cells:
            for outcome in OUTCOMES:
                finished.add_metric((cell.queue, cell.task, outcome), getattr(cell, outcome))
            waits.add_metric((cell.queue, cell.task), _buckets(cell.waits, BOUNDS), cell.waited)
            runs.add_metric((cell.queue, cell.task), _buckets(cell.runs, BOUNDS), cell.ran)
        yield from (finished, waits, runs)


class _Collected:
    """For the registry: what was read from the store a moment ago."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _buckets(counts: Sequence[int], bounds: Sequence[float]) -> list[tuple[str, float]]:
    names = [*(f"{bound:g}" for bound in bounds), "+Inf"]
    return list(zip(names, map(float, accumulate(counts)), strict=True))


def _of_calls(totals: Measures) -> Iterator[Metric]:
    calls = HistogramMetricFamily("abaca_store_call_seconds", "Calls of the store by workers.", labels=("verb",))
    errors = CounterMetricFamily("abaca_store_errors", "Calls of the store by workers that raised.", labels=("verb",))
    for name, verb in sorted(totals.verbs.items()):
        if any(verb.calls):
            calls.add_metric((name,), _buckets(verb.calls, CALL_BOUNDS), verb.seconds)
        errors.add_metric((name,), verb.errors)
    yield from (calls, errors)


def _of_store(stats: Stats) -> Iterator[Metric]:
    jobs = GaugeMetricFamily("abaca_queue_jobs", "Waiting jobs.", labels=("queue", "status"))
    lines = GaugeMetricFamily(
        "abaca_queue_priority_jobs", "Waiting jobs by priority, whatever they wait for.", labels=("queue", "priority")
    )
    age = GaugeMetricFamily(
        "abaca_queue_age_seconds", "How long the job that is due longest has been due.", labels=("queue",)
    )
    for queue in sorted(stats.queues, key=lambda queue: queue.name)[:_MOST_QUEUES]:
        for status, count in (("queued", queue.due), ("scheduled", queue.later), ("blocked", queue.blocked)):
            jobs.add_metric((queue.name, status), count)
        for priority, count in sorted(queue.by_priority.items()):
            lines.add_metric((queue.name, str(priority)), count)
        due = queue.oldest_due_at
        age.add_metric((queue.name,), 0.0 if due is None else max(0.0, (stats.seen_at - due) / 1e6))
    yield from (jobs, lines, age)
    ended = CounterMetricFamily("abaca_jobs_ended", "Jobs that ended, since the store was made.", labels=("status",))
    for status, count in sorted(stats.totals.items()):
        ended.add_metric((status,), count)
    late = CounterMetricFamily(
        "abaca_jobs_late", "Jobs first claimed after the deadline of their start_within.", labels=("queue",)
    )
    for name, count in sorted(stats.late.items())[:_MOST_QUEUES]:
        late.add_metric((name,), count)
    workers = GaugeMetricFamily("abaca_workers", "Live workers.", labels=("draining",))
    for draining in (False, True):
        count = sum(card.draining is draining for card in stats.workers)
        workers.add_metric((str(draining).lower(),), count)
    waiting = sum(queue.due + queue.later + queue.blocked for queue in stats.queues)
    yield from (
        ended,
        late,
        workers,
        GaugeMetricFamily("abaca_jobs_running", "Jobs that run.", value=stats.running),
        GaugeMetricFamily(
            "abaca_jobs_accepted",
            "Waiting, running and ended jobs, since the store was made: it rises with what is enqueued and requeued, "
            "and falls with what is deleted while it waits.",
            value=waiting + stats.running + sum(stats.totals.values()),
        ),
        CounterMetricFamily("abaca_repaired", "What audits had to repair in the store.", value=stats.repaired),
    )
