"""From a submission to jobs: checked, each with the options that the caller asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from abaca import Call, ConfigError, Job, JobHandle, Status, Webhook, group
from abaca_compile.errors import ValidationError
from abaca_compile.keys import content_key
from abaca_compile.model import Built, CachePolicy, Compilation, Submission
from abaca_compile.service.compiler import Compiler
from abaca_compile.service.performing import is_shared
from abaca_compile.service.tables import Table
from abaca_compile.service.works import Work
from abaca_compile.validation import accepted

MOST_TAGS = 16
_KEY_HELD = "1d"
_OWN = ("environment:", "language:", "matrix:")


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who submits. ``own`` makes a key the caller's own; ``id`` gives the ids of new jobs of a request by number, and
    ``None`` where any will do."""

    owner: str | None = None
    own: Callable[[str], str] = lambda key: key
    id: Callable[[int], str | None] = lambda number: None


ANYBODY = By()


class KeyTaken(ValidationError):
    """Another submission was made under this idempotency key. ``job_id`` is that one's."""

    def __init__(self, job_id: str) -> None:
        super().__init__("idempotency_key", f"another source was submitted under it, as job {job_id}; use a new one")
        self.job_id = job_id


async def plan(compiler: Compiler, submission: Submission) -> tuple[Compilation, ...]:
    """The compilations of a submission. Raises ``ValidationError``."""
    fleet = await compiler.fleet()
    return accepted(submission, fleet.catalogue, compiler.bounds)


async def submit(compiler: Compiler, submission: Submission, by: By = ANYBODY, number: int = 0) -> JobHandle[Built]:
    """Store one compilation. Raises ``ValidationError``, and what ``App.enqueue_many`` raises."""
    compilations = await plan(compiler, submission)
    if len(compilations) != 1:
        raise ValidationError("environments", f"{len(compilations)} are named; a table of several is a matrix")
    await compiler.bound()
    call = await _call(compiler, submission, compilations[0], by, number)
    (handle,) = await compiler.app.enqueue_many([call])
    if handle.id != call.id:
        await _check_same(handle, call)
    return handle


async def submit_matrix(
    compiler: Compiler, submission: Submission, compilations: Sequence[Compilation], by: By = ANYBODY
) -> JobHandle[Table]:
    """Store many compilations as one workflow that ends in their table, whose id is the matrix's."""
    await compiler.bound()
    plain = msgspec.structs.replace(submission, callback_url=None, idempotency_key=None)
    calls = [await _call(compiler, plain, one, by, number) for number, one in enumerate(compilations)]
    options = _options(submission, by)
    table: Any = compiler.table.opts(**{**options, "tags": ("matrix:table", *submission.tags)})
    stored = await group(calls).then(table, when="ended").enqueue()
    handle: JobHandle[Table] = compiler.table.job(stored.id)
    return handle


async def _call(
    compiler: Compiler, submission: Submission, compilation: Compilation, by: By, number: int
) -> Call[Built]:
    work = Work(compilation=compilation, cache=submission.cache, metadata=submission.metadata)
    options = _options(submission, by)
    options["tags"] = (
        f"environment:{compilation.environment}",
        f"language:{compilation.language}",
        *submission.tags,
    )
    if submission.idempotency_key is not None:
        options |= {"key": by.own(f"compile:{submission.idempotency_key}"), "unique": _KEY_HELD}
    known = is_shared(work) and work.cache is CachePolicy.USE and await is_known(compiler, compilation)
    try:
        call = compiler.task_for(known=known).opts(**options).call(work)
    except ConfigError as error:
        raise ValidationError(_field(str(error)), str(error)) from error
    id = by.id(number)
    return call if id is None else Call(call.task, msgspec.structs.replace(call.job, id=id))


async def is_known(compiler: Compiler, compilation: Compilation) -> bool:
    """Whether the cache will answer. Only a guess about where the job is to wait: the worker looks for itself."""
    environment = (await compiler.fleet()).catalogue.get(compilation.environment)
    if environment is None:
        return False
    return await compiler.shelf.is_answered(content_key(compilation, environment))


def _options(submission: Submission, by: By) -> dict[str, Any]:
    if len(submission.tags) > MOST_TAGS:
        raise ValidationError("tags", f"{len(submission.tags)} are given, and {MOST_TAGS} are possible")
    for number, tag in enumerate(submission.tags):
        if tag.startswith(_OWN):
            raise ValidationError(f"tags[{number}]", f"{tag[:40]!r}: tags that begin so are the service's own")
    options: dict[str, Any] = {"owner": by.owner, "priority": submission.priority}
    if submission.callback_url is not None:
        try:
            options["webhook"] = Webhook(submission.callback_url)
        except ConfigError as error:
            raise ValidationError("callback_url", str(error)) from error
    return options


async def _check_same(handle: JobHandle[Built], call: Call[Built]) -> None:
    """An idempotency key answers the job that has it, if that job is the same."""
    job: Job = await handle.info()
    if job.spec.args != call.job.args and job.status is not Status.CANCELLED:
        raise KeyTaken(handle.id)


def _field(message: str) -> str:
    named = message.partition(":")[0].removeprefix("opts(").partition("=")[0]
    return {"key": "idempotency_key"}.get(named, named)
