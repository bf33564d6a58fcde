"""Help for tests: an app with its jobs in memory, a clock that a test moves, a store that fails on demand, and the
suite that judges a store.

The suite is ``abaca.testing.conformance``; programs of random calls against an oracle are in
``abaca.testing.differential``, and the judges of concurrent runs in ``abaca.testing.invariants``.
"""

from abaca.clock import ManualClock
from abaca.testing.calls import EnqueuedCall
from abaca.testing.failing import FailingBackend, Loss
from abaca.testing.inmemory import Drained, Harness, harness

__all__ = ["Drained", "EnqueuedCall", "FailingBackend", "Harness", "Loss", "ManualClock", "harness"]
