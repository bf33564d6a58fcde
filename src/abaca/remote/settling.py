"""How a remote worker's runs end, and what they say before."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from abaca.backend import Backend
from abaca.errors import ArgumentError
from abaca.model import Job, Kind, Lease, NewUpdate, Progress, Settle, Verdict
from abaca.places import Blobs
from abaca.policies import PolicyReader
from abaca.policy.outcome import Outcome
from abaca.remote.holding import Standing, standing
from abaca.remote.messages import Answer, EndedRun, NewEntry, RunAnswer, SettleRequest, UpdateRequest
from abaca.remote.outcomes import outcome_of
from abaca.worker.judging import judge

_LEASE_MS = 15_000
"""No lease is made by a settle; the seam asks for one."""

_progress = msgspec.json.Decoder(Progress).decode


class Settling:
    def __init__(self, backend: Backend, blobs: Blobs, policies: PolicyReader) -> None:
        self._backend = backend
        self._policies = policies
        self._blobs = blobs

    async def settle(self, asked: SettleRequest, holder: str) -> list[RunAnswer]:
        """Answers in order. A repetition changes nothing and is answered ``settled``.

        Raises ``PlaceUnavailable`` where a large result cannot be put in its place; nothing is settled then.
        """
        jobs = await self._backend.get([run.id for run in asked.runs])
        ends: list[tuple[int, Job, Outcome]] = []
        answers: list[Answer] = []
        for n, (run, job) in enumerate(zip(asked.runs, jobs, strict=True)):
            stands = standing(job, run.epoch, holder)
            answers.append("applied" if stands == "held" else stands)
            if stands == "held" and job is not None:
                ends.append((n, job, await outcome_of(run.outcome, job, self._backend, self._blobs)))
        for n, verdict in await self._store(ends, holder):
            answers[n] = "applied" if verdict is Verdict.APPLIED else "lost"
        return [_answer(run, answer) for run, answer in zip(asked.runs, answers, strict=True)]

    async def _store(self, ends: Sequence[tuple[int, Job, Outcome]], holder: str) -> list[tuple[int, Verdict]]:
        if not ends:
            return []
        policies = await self._policies.fresh()
        settles = [Settle(id=job.id, epoch=job.epoch, to=judge(job, outcome, policies)) for _, job, outcome in ends]
        verdicts = (await self._backend.exchange(settles, None, Lease(worker=holder, ms=_LEASE_MS))).verdicts
        judged = [(n, verdict) for (n, _, _), verdict in zip(ends, verdicts, strict=True)]
        told = [
            (n, msgspec.structs.replace(job, cancel=True), outcome)
            for (n, job, outcome), verdict in zip(ends, verdicts, strict=True)
            if verdict is Verdict.CANCEL  # a cancel came between the read and the write: decide with that knowledge
        ]
        return [(n, verdict) for n, verdict in judged if verdict is not Verdict.CANCEL] + (
            await self._store(told, holder) if told else []
        )

    async def append(self, asked: UpdateRequest, holder: str) -> list[RunAnswer]:
        """Answers in order; a ``seq`` that is stored already is ``applied``. Raises ``ArgumentError`` for bad data."""
        updates = [_update(entry) for entry in asked.updates]
        jobs = await self._backend.get([entry.id for entry in asked.updates])
        stands: list[Standing] = [
            standing(job, entry.epoch, holder) for job, entry in zip(jobs, asked.updates, strict=True)
        ]
        mine = [update for update, stand in zip(updates, stands, strict=True) if stand == "held"]
        verdicts = iter(await self._backend.append(mine) if mine else [])
        answers: list[RunAnswer] = []
        for entry, stand in zip(asked.updates, stands, strict=True):
            if stand == "held":
                stored: Answer = "applied" if next(verdicts) is Verdict.APPLIED else "lost"
                answers.append(_answer(entry, stored))
            else:
                answers.append(_answer(entry, stand))
        return answers


def _answer(run: EndedRun | NewEntry, answer: Answer) -> RunAnswer:
    return RunAnswer(id=run.id, epoch=run.epoch, answer=answer)


def _update(entry: NewEntry) -> NewUpdate:
    data = bytes(entry.data)
    if entry.kind == "progress":
        try:
            _progress(data)
        except msgspec.MsgspecError as error:
            raise ArgumentError(f"updates: the progress of job {entry.id} is not usable: {error}") from error
    if entry.kind == "item":
        data = b'{"offset":%d,"item":%b}' % (entry.offset, data)
    return NewUpdate(id=entry.id, epoch=entry.epoch, seq=entry.seq, kind=Kind(entry.kind), data=data)
