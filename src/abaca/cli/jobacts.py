"""``abaca jobs``: the verbs that change something. Each answers for every id, and fails when one was not done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from abaca.app import App
from abaca.backend import MAX_BATCH, Backend
from abaca.cli.jobview import job_id
from abaca.cli.output import print_json
from abaca.cli.session import Given, Session
from abaca.errors import ConfigError
from abaca.model import Amended, Cancelled, Change, Job, Requeued

_UNKNOWN = "no such job"

_CANCELLED = {
    Cancelled.ENDED: (True, "cancelled"),
    Cancelled.FLAGGED: (True, "it is running and will be told to stop"),
    Cancelled.ALREADY: (False, "it had ended before"),
    Cancelled.UNKNOWN: (False, _UNKNOWN),
}
_REQUEUED = {
    Requeued.REQUEUED: (True, "requeued"),
    Requeued.HELD: (False, "another live job has its key; cancel that one first"),
    Requeued.STALE: (False, "it changed meanwhile; look at it again"),
    Requeued.UNKNOWN: (False, _UNKNOWN),
}
_DELETED = {
    Amended.APPLIED: (True, "deleted"),
    Amended.BUSY: (False, "it is running; cancel it first"),
    Amended.STALE: (False, "it changed meanwhile; look at it again"),
    Amended.UNKNOWN: (False, _UNKNOWN),
}

Answer = tuple[bool, str]
Act = Callable[[Backend, list[str]], Awaitable[list[Answer]]]


def cancel(*ids: str, session: Given) -> int:
    """Cancel jobs: one that waits ends at once, one that runs is told to stop."""

    async def act(backend: Backend, wanted: list[str]) -> list[Answer]:
        return [_CANCELLED[answer] for answer in await backend.cancel(wanted)]

    return _each(session, ids, act)


def requeue(*ids: str, session: Given) -> int:
    """Put ended jobs back in line under the same id, with a fresh budget of attempts."""

    async def act(backend: Backend, wanted: list[str]) -> list[Answer]:
        jobs = await backend.get(wanted)
        ended = [job for job in jobs if job is not None and job.state.ended]
        done = await backend.requeue([(job.id, job.epoch) for job in ended]) if ended else []
        answers = {job.id: _REQUEUED[answer] for job, answer in zip(ended, done, strict=True)}
        return [answers.get(id) or _not_ended(job) for id, job in zip(wanted, jobs, strict=True)]

    return _each(session, ids, act)


def delete(*ids: str, session: Given) -> int:
    """Delete waiting or ended jobs with their results. Nothing is left of them."""

    async def act(backend: Backend, wanted: list[str]) -> list[Answer]:
        return [_DELETED[answer] for answer in await backend.amend([Change(id=id, delete=True) for id in wanted])]

    return _each(session, ids, act)


def _each(session: Session, ids: Sequence[str], act: Act) -> int:
    wanted = list(dict.fromkeys(job_id(id) for id in ids))
    if not wanted:
        raise ConfigError("give at least one job's id")

    async def in_batches(app: App) -> list[Answer]:
        backend = await app.backend()
        answers: list[Answer] = []
        for start in range(0, len(wanted), MAX_BATCH):
            answers += await act(backend, wanted[start : start + MAX_BATCH])
        return answers

    answers = session.run(in_batches)
    if session.json:
        print_json([{"id": id, "done": done, "answer": text} for id, (done, text) in zip(wanted, answers, strict=True)])
    else:
        for id, (_, text) in zip(wanted, answers, strict=True):
            print(f"{id}  {text}")
    return 0 if all(done for done, _ in answers) else 1


def _not_ended(job: Job | None) -> Answer:
    return False, _UNKNOWN if job is None else f"it is {job.status}; only a job that ended can be requeued"
