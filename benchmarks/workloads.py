"""What is measured. Each workload gets a contender on an empty store and gives figures by name."""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.meter import Usage
from benchmarks.registry import FLOW
from benchmarks.stage import STALL_SECONDS, Call, Failed, Stage, Worker

Figures = dict[str, float]

INFLIGHT = 100
THREADS = 50
LOW, HIGH = 0.05, 0.95
POLL_SECONDS = 0.01
SHORT = 5_000
CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class Workload:
    title: str
    run: Callable[[Stage, int], Figures]
    share: float
    """Its part of ``--jobs``; a slow contender's scale comes on top."""
    least: int = 500
    scaled: bool = True


def _warm(jobs: int) -> int:
    """Calls or jobs before the timed part: just-in-time compilers need more than one."""
    return max(20, jobs // 20)


def _per_10k(seconds: float, jobs: float) -> float:
    return seconds / jobs * 10_000


def _server(stage: Stage, used: Usage, jobs: int) -> Figures:
    return {"server_cpu": _per_10k(used.server, jobs)} if stage.server else {}


def _client_figures(stage: Stage, call: Call) -> Figures:
    figures = {"rate": call.jobs / call.seconds, "client_cpu": _per_10k(call.cpu, call.jobs)}
    return figures | _server(stage, call.used, call.jobs)


def _enqueue(mode: str) -> Callable[[Stage, int], Figures]:
    def run(stage: Stage, jobs: int) -> Figures:
        inflight = INFLIGHT if mode == "flight" else 1
        words = ("--mode", mode, "--inflight", str(inflight), "--warm", str(_warm(jobs)), "--jobs", str(jobs))
        return _client_figures(stage, stage.call("enqueue", *words))

    return run


def _wait_idle(stage: Stage, jobs: int) -> Figures:
    with stage.worker(1, THREADS, "wait") as worker:
        call = stage.call("wait", "--jobs", str(jobs), "--warm", str(_warm(jobs)), worker=worker)
    cuts = statistics.quantiles(call.latencies, n=100)
    return {"p50_ms": cuts[49] * 1000, "p99_ms": cuts[98] * 1000}


def _wait_flight(stage: Stage, jobs: int) -> Figures:
    with stage.worker(1, THREADS, "wait") as worker:
        words = ("--jobs", str(jobs), "--warm", str(_warm(jobs)), "--inflight", str(INFLIGHT))
        call = stage.call("wait", *words, worker=worker)
    return {**_client_figures(stage, call), "worker_cpu": _per_10k(call.used.tree, call.jobs)}


def _bytes(stage: Stage, jobs: int) -> Figures:
    assert stage.server is not None
    fill(stage, 100, "payload")
    before = stage.server.client.used_memory()
    fill(stage, jobs, "payload")
    return {"bytes": (stage.server.client.used_memory() - before) / jobs}


def fill(stage: Stage, jobs: int, task: str = "noop") -> None:
    """Queues ``jobs`` jobs the fastest way the contender has, and waits until the server is done with its client."""
    mode = "bulk" if "enqueue_bulk" in stage.contender.workloads else "one"
    stage.call("enqueue", "--mode", mode, "--jobs", str(jobs), "--task", task)
    time.sleep(0.3)


def _drain(processes: int, purpose: str = "drain", task: str = "noop") -> Callable[[Stage, int], Figures]:
    def run(stage: Stage, jobs: int) -> Figures:
        fill(stage, 1, task)  # makes the store, so that it can be counted
        with stage.worker(processes, THREADS, purpose) as worker:
            warm(stage, worker, 5 * processes * _warm(jobs), task)
            return drain(stage, worker, jobs, task)

    return run


def warm(stage: Stage, worker: Worker, jobs: int, task: str = "noop") -> None:
    """Lets the worker run some jobs, so that imports, connections and compilers are behind it."""
    baseline = stage.count()
    fill(stage, jobs, task)
    deadline = time.monotonic() + STALL_SECONDS
    while not _empty(stage, baseline, jobs):
        if time.monotonic() > deadline:
            raise Failed(f"{stage.contender.name} does not finish {jobs} jobs to warm up")
        time.sleep(0.05)
    stage.settle(worker)


def _empty(stage: Stage, baseline: int, jobs: int) -> bool:
    return stage.count() == 0 if stage.contender.probe.counts == "left" else stage.finished(baseline) >= jobs


def drain(stage: Stage, worker: Worker, jobs: int, task: str = "noop") -> Figures:
    """Stops a warm worker, queues a backlog, lets the worker go, and measures between 5% and 95% of the results."""
    worker.signal(signal.SIGSTOP)
    try:
        fill(stage, jobs, task)
        baseline = stage.count()
        start, at_start = stage.usage(worker), 0
    finally:
        worker.signal(signal.SIGCONT)
    seen, progress, entered = 0, time.monotonic(), False
    while seen < HIGH * jobs:
        asked = time.monotonic()
        latest = stage.finished(baseline)
        now = time.monotonic()
        if latest > seen:
            seen, progress = latest, now
        elif now - progress > STALL_SECONDS or worker.process.poll() is not None:
            raise Failed(f"{stage.contender.name} stopped at {seen} of {jobs} jobs")
        if not entered and seen >= LOW * jobs:
            entered = True
            if seen < jobs / 2:
                start, at_start = stage.usage(worker), seen
        time.sleep(max(POLL_SECONDS, 20 * (now - asked)))
    return _drain_figures(stage, stage.usage(worker).since(start), seen - at_start)


def _drain_figures(stage: Stage, used: Usage, jobs: int) -> Figures:
    figures = {
        "rate": jobs / used.at,
        "worker_cpu": _per_10k(used.tree, jobs),
        "parent_cpu": _per_10k(used.root, jobs),
        "busy": used.machine / used.at / CORES,
    }
    return figures | _server(stage, used, jobs)


def _flat(stage: Stage, jobs: int) -> Figures:
    """The cost of a job in short lines and in one of ``jobs``, drained by the same worker."""
    fill(stage, 1)
    with stage.worker(1, THREADS, "drain") as worker:
        warm(stage, worker, SHORT)
        short = [_emptied(stage, worker, max(SHORT, jobs // 100)) for _ in range(5)]
        long = _emptied(stage, worker, jobs)
    short_cpu = statistics.median(_cpu(figures) for figures in short)
    return {
        "short_rate": statistics.median(figures["rate"] for figures in short),
        "long_rate": long["rate"],
        "short_cpu": short_cpu,
        "long_cpu": _cpu(long),
        "cost_ratio": _cpu(long) / short_cpu,
    }


def _cpu(figures: Figures) -> float:
    """Worker and server together."""
    return figures["worker_cpu"] + figures.get("server_cpu", 0.0)


def _emptied(stage: Stage, worker: Worker, jobs: int) -> Figures:
    figures = drain(stage, worker, jobs)
    stage.settle(worker)
    return figures


WORKLOADS = {
    "enqueue_one": Workload("Enqueue, one by one", _enqueue("one"), 0.5),
    "enqueue_flight": Workload(f"Enqueue, {INFLIGHT} in flight", _enqueue("flight"), 0.5),
    "enqueue_bulk": Workload("Enqueue, in bulk", _enqueue("bulk"), 2.0),
    "drain_1": Workload("Drain a backlog of no-op jobs, one worker process", _drain(1), 1.0),
    "drain_2": Workload("Drain a backlog of no-op jobs, two worker processes", _drain(2), 1.0),
    "wait_idle": Workload("Submit and wait, idle system", _wait_idle, 0.025, least=200, scaled=False),
    "wait_flight": Workload(f"Submit and wait, {INFLIGHT} in flight", _wait_flight, 0.25),
    "bytes": Workload("Memory of the server per queued job, 100-byte payload", _bytes, 0.25, scaled=False),
    "threads": Workload(f"10 ms blocking jobs in {THREADS} threads", _drain(1, "threads", "block"), 0.5),
    "drain_own": Workload("Drain no-op jobs whose results all differ, one worker process", _drain(1, task="own"), 1.0),
    "drain_keyed": Workload("The same, each job with a key of its own", _drain(1, task="keyed"), 1.0),
    "drain_limited": Workload("The same, each job under two limits that are not met", _drain(1, task="limited"), 1.0),
    "drain_tenants10": Workload("The same, of ten tenants in turn", _drain(1, task="tenants10"), 1.0),
    "drain_tenants1000": Workload("The same, of a thousand tenants in turn", _drain(1, task="tenants1000"), 1.0),
    "flat": Workload("Drain a short and a long backlog", _flat, 25.0, least=50_000, scaled=False),
}
EXTRA = ("drain_own", "flat", *FLOW)
"""Workloads that run only when they are named."""
