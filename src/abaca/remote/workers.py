"""The verbs of remote workers. What the end of a run means is decided here, by the same policy as everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from abaca.announce import announce, announced
from abaca.backend import Backend
from abaca.errors import ConfigError
from abaca.model import Beat, Card, Lease, Settle, Value, Want
from abaca.options import TaskOptions
from abaca.places import Blobs
from abaca.policies import PolicyReader
from abaca.policy.outcome import TimedOut
from abaca.remote.claims import Claims
from abaca.remote.holding import is_overdue, standing
from abaca.remote.messages import (
    Answer,
    BeatRequest,
    ClaimedRun,
    ClaimRequest,
    EndedRun,
    ReleasedRun,
    RunAnswer,
    SettleRequest,
    UpdateRequest,
)
from abaca.remote.settling import Settling
from abaca.worker.judging import judge

LANE = "remote"
"""The lane of jobs whose task a remote worker announced: no worker of an app takes them."""
LONGEST_HOLD_MS = 60_000
_MOST_REMEMBERED = 10_000


class _Announced(Value, frozen=True):
    options: TaskOptions


class RemoteWorkers:
    """One for each service. ``holder`` is the name under which a worker holds leases: no two keys share one."""

    def __init__(self, backend: Backend, blobs: Blobs) -> None:
        self._backend = backend
        self._policies = PolicyReader(backend)
        self._claims = Claims(backend, blobs, self._policies)
        self._settling = Settling(backend, blobs, self._policies)
        self._announced: set[tuple[str, str]] = set()
        self._cards: dict[str, Card] = {}

    async def claim(self, asked: ClaimRequest, holder: str, hold_ms: int) -> list[ClaimedRun]:
        """Up to ``asked.slots`` runs; waits for the first up to ``hold_ms``.

        Raises ``ConfigError`` for a task that workers of an app run.
        """
        await self._announce(asked)
        lease = Lease(worker=holder, ms=asked.lease_ms)
        await self._backend.beat(self._card_of(holder, asked), [], lease)
        want = Want(queues=asked.queues, slots={LANE: asked.slots}, hold_ms=min(hold_ms, LONGEST_HOLD_MS))
        jobs = (await self._backend.exchange([], want, lease)).jobs
        runs, settles = await self._claims.split(jobs, asked.tasks, asked.lease_ms)
        if settles:
            await self._backend.exchange(settles, None, lease)
        return runs

    def unhold(self) -> None:
        """End every claim that is held open; each answers with what it has, and is asked for anew."""
        self._backend.unhold()

    async def release(self, runs: Sequence[ClaimedRun], holder: str) -> None:
        """Give back, uncharged, what was claimed for a worker that went away before it had the answer."""
        ended = tuple(EndedRun(id=run.id, epoch=run.epoch, outcome=ReleasedRun()) for run in runs)
        if ended:
            await self._settling.settle(SettleRequest(worker=holder, runs=ended), holder)

    async def beat(self, asked: BeatRequest, holder: str) -> list[RunAnswer]:
        """Renew leases. A run past its job's timeout is settled as timed out, and lost to the worker."""
        lease = Lease(worker=holder, ms=asked.lease_ms)
        jobs = await self._backend.get([run.id for run in asked.runs])
        answers: list[Answer] = []
        beats: list[Beat] = []
        overdue: list[Settle] = []
        for run, job in zip(asked.runs, jobs, strict=True):
            stands = standing(job, run.epoch, holder)
            answers.append("lost" if stands == "held" else stands)
            if stands != "held" or job is None:
                continue
            if is_overdue(job):
                outcome = TimedOut(timeout_ms=job.spec.timeout_ms or 0)
                overdue.append(Settle(id=job.id, epoch=job.epoch, to=judge(job, outcome, await self._policies.fresh())))
            else:
                beats.append(Beat(id=run.id, epoch=run.epoch))
        if overdue:
            await self._backend.exchange(overdue, None, lease)
        pulses = await self._backend.beat(self._card_beating(holder, asked), beats, lease)
        alive = {(pulse.id, pulse.epoch): pulse.cancel for pulse in pulses if pulse.alive}
        return [
            RunAnswer(id=run.id, epoch=run.epoch, answer="alive", cancel=alive[run.id, run.epoch])
            if (run.id, run.epoch) in alive
            else RunAnswer(id=run.id, epoch=run.epoch, answer=answer)
            for run, answer in zip(asked.runs, answers, strict=True)
        ]

    async def settle(self, asked: SettleRequest, holder: str) -> list[RunAnswer]:
        return await self._settling.settle(asked, holder)

    async def append(self, asked: UpdateRequest, holder: str) -> list[RunAnswer]:
        return await self._settling.append(asked, holder)

    async def _announce(self, asked: ClaimRequest) -> None:
        """Make the tasks known, so that they can be enqueued by name; they belong to the first of the queues."""
        queue = asked.queues[0]
        options = TaskOptions(lane=LANE, queue=queue)
        fresh = [task for task in asked.tasks if (task, queue) not in self._announced]
        for task in fresh:
            known = await announced(self._backend, task)
            if known is not None and known.lane != LANE:
                raise ConfigError(
                    f"tasks: workers of an app run task {task!r}, and a remote worker cannot take its jobs; "
                    "give the task another name"
                )
        if fresh:
            await announce(self._backend, {task: _Announced(options=options) for task in fresh})
            self._announced.update((task, queue) for task in fresh)

    def _card_of(self, holder: str, asked: ClaimRequest) -> Card:
        card = msgspec.structs.replace(
            self._known(holder, asked.worker), queues=asked.queues, tasks=asked.tasks, slots={LANE: asked.slots}
        )
        return self._remember(card)

    def _card_beating(self, holder: str, asked: BeatRequest) -> Card:
        """The card with the counters that this beat brings. A service that never saw its claim knows less of it."""
        card = msgspec.structs.replace(
            self._known(holder, asked.worker),
            running=tuple(run.id for run in asked.runs),
            processed=asked.processed,
            succeeded=asked.succeeded,
            failed=asked.failed,
        )
        return self._remember(card)

    def _known(self, holder: str, name: str) -> Card:
        return self._cards.get(holder) or Card(id=holder, name=name, host="remote")

    def _remember(self, card: Card) -> Card:
        if len(self._cards) >= _MOST_REMEMBERED:
            self._cards.clear()
        self._cards[card.id] = card
        return card
