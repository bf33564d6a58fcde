"""How a worker claims and runs."""

from __future__ import annotations

import os
from dataclasses import dataclass, field


def default_process_slots() -> int:
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """Times in seconds, ``max_rss`` in bytes.

    ``concurrency`` is the number of slots for coroutines and, apart from them, for threads in one process;
    ``process_slots`` for ``pool="process"``. ``grace`` is how long an interrupted run may take before it is killed;
    ``drain`` how long running jobs may take at shutdown. ``webhook_allow``: networks and host names that webhooks may
    reach although they are not public.
    """

    queues: tuple[str, ...] = ("default",)
    weights: dict[str, int] | None = None
    concurrency: int = 50
    process_slots: int = field(default_factory=default_process_slots)
    lease: float = 15.0
    beat: float = 5.0
    grace: float = 5.0
    drain: float = 30.0
    max_jobs_per_child: int = 1000
    max_child_rss: int = 1 << 30
    give_up_after: float = 600.0
    name: str = ""
    webhook_allow: tuple[str, ...] = ()

    def slots(self) -> dict[str, int]:
        return {"async": self.concurrency, "thread": self.concurrency, "process": self.process_slots}
