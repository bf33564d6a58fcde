"""Why a job waits: what is looked at, in which order. Read for people, never to decide."""

from __future__ import annotations

from abaca.client import Host, no_such_job
from abaca.errors import ConfigError
from abaca.model import Job, QueueSettings, State, Stats
from abaca.queues import Queues
from abaca.taskcontrol import TaskControl, TaskSettings
from abaca.views.line import place_in_line
from abaca.views.obstacles import by_limit, by_parents, by_queue_limit, expiry, task_paused, unmet_parents
from abaca.views.phases import ended, later, running
from abaca.views.reason import Cause, Reader, Reason, Why, answer
from abaca.views.takers import nobody_takes

__all__ = ["Cause", "Why", "why"]


async def why(host: Host, id: str, owner: str | None = None) -> Why:
    """Why this job waits, on whom and until when; how it runs, or how it ended.

    With ``owner`` only that owner's jobs are named; any other is not found, and is told of as another owner's.

    It reads the job, the registry of workers, the settings of its queue and task, and what it waits for: for a job in
    line at most 1,000 others. What it says was true when it was read. Raises ``JobNotFound``, ``BackendUnavailable``.
    """
    reader = Reader(owner)
    job = await host.client().read(id)
    if not reader.may_see(job):
        raise no_such_job(id)
    if job.state.ended:
        return answer(job, ended(job))
    stats = await host.client().ask(lambda backend: backend.stats())
    if job.state is State.RUNNING:
        return answer(job, running(job, stats.workers))
    return await _waiting(host, job, stats, reader)


async def _waiting(host: Host, job: Job, stats: Stats, reader: Reader) -> Why:
    queue, task = await _settings(host, job)
    held = _held(job, queue, task, stats)
    if job.open_parents:
        return answer(job, await by_parents(host.client(), job, reader), _texts(held))
    if job.blocked is not None:
        reason = await by_limit(host.client(), job, job.blocked, queue, task, reader)
        return answer(job, reason, _texts([each for each in held if each.cause is not reason.cause]))
    if job.due_at > job.seen_at:
        return answer(job, later(job), _texts(held))
    doomed = (*unmet_parents(job), *expiry(job))
    if held:
        return answer(job, held[0], (*_texts(held[1:]), *doomed))
    client = host.client()
    reason = await by_queue_limit(client, job, queue, reader) or await place_in_line(client, job, stats)
    return answer(job, reason, doomed)


def _held(job: Job, queue: QueueSettings, task: TaskSettings, stats: Stats) -> list[Reason]:
    """What would keep the job from its start if it were due now."""
    held = []
    if queue.paused:
        remedy = f"abaca queues resume {job.spec.queue}"
        text = f"the queue {job.spec.queue!r} is paused"
        held.append(Reason(cause=Cause.QUEUE_PAUSED, text=text, remedy=remedy))
    if task.paused:
        held.append(task_paused(job))
    nobody = nobody_takes(job, stats)
    return held if nobody is None else [*held, nobody]


def _texts(reasons: list[Reason]) -> tuple[str, ...]:
    return tuple(f"besides, {reason.text}" for reason in reasons)


async def _settings(host: Host, job: Job) -> tuple[QueueSettings, TaskSettings]:
    """Those of its queue and its task. A name that no setting can have has none."""
    try:
        return await Queues(host).get(job.spec.queue), await TaskControl(host).get(job.spec.task)
    except ConfigError:
        return QueueSettings(), TaskSettings()
