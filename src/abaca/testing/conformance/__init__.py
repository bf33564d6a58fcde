"""The conformance suite: what every store must do, as tests that anybody can run against a store of their own.

Each check is an async test method of a class. A test module that imports the classes runs them; it needs pytest with
pytest-asyncio in ``asyncio_mode = "auto"`` and three fixtures: ``clock``; ``store``, open and empty, that goes by
``clock``; ``live_store``, open and empty, with a clock of its own::

    from abaca.testing.conformance import *

    @pytest.fixture
    def clock() -> ManualClock:
        return ManualClock()

    @pytest.fixture
    async def store(clock: ManualClock) -> AsyncIterator[Backend]:
        backend = MyBackend(clock)
        await backend.open()
        yield backend
        await backend.close()

``live_store`` is the same without the clock. ``pytest.register_assert_rewrite("abaca.testing.conformance")`` in
``conftest.py`` makes failures readable. The checks ask for what a store answers and never for how: no name that is not
in ``abaca.backend`` is used.
"""

from abaca.testing.conformance.admission import TestEstimate, TestShed
from abaca.testing.conformance.aging import TestAging
from abaca.testing.conformance.amend import TestAmendEnded, TestAmendJudged, TestAmendWaiting
from abaca.testing.conformance.audit import TestAudit
from abaca.testing.conformance.deadlines import TestDeadlineOrder, TestLate
from abaca.testing.conformance.edges import TestManyEdges, TestParents, TestParentsRefused, TestParentsSeen
from abaca.testing.conformance.find import TestFind, TestPages, TestStats
from abaca.testing.conformance.graphs import TestGraphs
from abaca.testing.conformance.hints import TestWatch
from abaca.testing.conformance.hold import TestHold, TestHoldByTheClock, TestHoldEnds
from abaca.testing.conformance.insert import TestContents, TestInsert
from abaca.testing.conformance.keys import TestKeys
from abaca.testing.conformance.lanes import TestBytes, TestLanesAndQueues
from abaca.testing.conformance.leases import TestBeat, TestLeaseLength, TestReclaim
from abaca.testing.conformance.limits import TestConcurrency, TestRate
from abaca.testing.conformance.log import TestAppend, TestRead, TestTrim
from abaca.testing.conformance.operator import TestCancel, TestRequeue
from abaca.testing.conformance.order import TestClaim, TestOrder
from abaca.testing.conformance.parked import TestLetBack
from abaca.testing.conformance.purge import TestPurge, TestTombstones
from abaca.testing.conformance.queuecontrol import TestBlocked, TestFullQueue, TestQueueControl
from abaca.testing.conformance.records import TestRecordExpiry, TestRecordLimits, TestRecords, TestScan
from abaca.testing.conformance.registry import TestRegistry
from abaca.testing.conformance.release import (
    TestAmendBlocked,
    TestDueAfterParents,
    TestPurgeParents,
    TestReplaceParents,
    TestRequeueParents,
)
from abaca.testing.conformance.repeat import TestFollowUps, TestRepeat
from abaca.testing.conformance.settle import TestSettle, TestStale
from abaca.testing.conformance.shares import TestOrderAgainstAModel, TestShares
from abaca.testing.conformance.tasklimits import TestTaskLimits
from abaca.testing.conformance.ticks import TestTicks
from abaca.testing.conformance.turns import TestTurns, TestTurnsBehindLimits, TestWeights
from abaca.testing.conformance.unique import TestKeyForAPeriod, TestKeyWhileWaiting, TestReplace

__all__ = [
    "TestAging",
    "TestAmendBlocked",
    "TestAmendEnded",
    "TestAmendJudged",
    "TestAmendWaiting",
    "TestAppend",
    "TestAudit",
    "TestBeat",
    "TestBlocked",
    "TestBytes",
    "TestCancel",
    "TestClaim",
    "TestConcurrency",
    "TestContents",
    "TestDeadlineOrder",
    "TestDueAfterParents",
    "TestEstimate",
    "TestFind",
    "TestFollowUps",
    "TestFullQueue",
    "TestGraphs",
    "TestHold",
    "TestHoldByTheClock",
    "TestHoldEnds",
    "TestInsert",
    "TestKeyForAPeriod",
    "TestKeyWhileWaiting",
    "TestKeys",
    "TestLanesAndQueues",
    "TestLate",
    "TestLeaseLength",
    "TestLetBack",
    "TestManyEdges",
    "TestOrder",
    "TestOrderAgainstAModel",
    "TestPages",
    "TestParents",
    "TestParentsRefused",
    "TestParentsSeen",
    "TestPurge",
    "TestPurgeParents",
    "TestQueueControl",
    "TestRate",
    "TestRead",
    "TestReclaim",
    "TestRecordExpiry",
    "TestRecordLimits",
    "TestRecords",
    "TestRegistry",
    "TestRepeat",
    "TestReplace",
    "TestReplaceParents",
    "TestRequeue",
    "TestRequeueParents",
    "TestScan",
    "TestSettle",
    "TestShares",
    "TestShed",
    "TestStale",
    "TestStats",
    "TestTaskLimits",
    "TestTicks",
    "TestTombstones",
    "TestTrim",
    "TestTurns",
    "TestTurnsBehindLimits",
    "TestWatch",
    "TestWeights",
]
