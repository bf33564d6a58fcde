"""One job as the command line shows it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from abaca.backend import Backend
from abaca.cli.output import clean, json_text, print_json, print_pairs
from abaca.cli.status import EXIT_OK
from abaca.codec import NotHere, is_reference, read_reference, unpack
from abaca.errors import AbacaError, ConfigError
from abaca.jobresult import why_no_value
from abaca.model import ErrorInfo, Job, Kind, Progress, State, Update
from abaca.places import Blobs
from abaca.policy.retry import DEFAULT_RULE
from abaca.views import as_json, instant, update_view, workflow_of
from abaca.views.payloads import arguments_json, payload_elsewhere
from abaca.views.words import ago, span

_ID = re.compile(r"[0-9a-f]{32}")
_PAGE = 200
_PARENTS = 3
"""So many parents of one kind of edge are shown."""
_MOST_SHOWN = 1_000_000


def job_id(text: str) -> str:
    """A job's id as people paste it: with or without dashes. Raises ``ConfigError``."""
    id = text.strip().lower().replace("-", "")
    if not _ID.fullmatch(id):
        raise ConfigError(f"{text!r} is not a job's id; those have 32 hexadecimal digits")
    return id


async def brought(blobs: Blobs, job: Job) -> Job:
    """The job with arguments and result from their place, where they can be had and are not too long to look at."""
    for fetch, data in ((blobs.whole_arguments, job.spec.args), (blobs.whole, job.result)):
        try:
            if data is not None and is_reference(data) and read_reference(data).length <= _MOST_SHOWN:
                job = await fetch(job)
        except (NotHere, AbacaError):
            pass  # the reference stays, and says where it points
    return job


def print_job(job: Job, secret: Collection[str] = ()) -> None:
    spec = job.spec
    now = job.seen_at
    print_pairs(
        [
            ("id", job.id),
            ("task", spec.task),
            ("status", f"{job.status}{' (told to stop)' if job.cancel and not job.state.ended else ''}"),
            ("queue", f"{spec.queue}, priority {spec.priority}, pool {clean(spec.lane)}"),
            ("arguments", _arguments(job, secret)),
            ("tags", ", ".join(spec.tags)),
            ("key", spec.key),
            ("owner", spec.owner),
            ("tenant", spec.tenant),
            ("workflow", workflow_of(job)),
            ("parent", spec.parent if spec.parent != workflow_of(job) else None),
            ("after", _after(job)),
            ("start within", _length(spec.start_within_ms)),
            ("expires", _length(spec.expires_ms)),
            ("attempts", _attempts(job)),
            ("worker", job.worker),
            ("created", _when(job.created_at or None, now)),
            ("due", _when(job.due_at or None, now) if not job.state.ended else None),
            ("first run", _when(job.started_at, now)),
            ("ended", _when(job.ended_at, now)),
            ("took", _took(job)),
            ("progress", _far(job.progress)),
            ("result", _text(job.result)),
            ("damage", job.damage),
        ]
    )


def _after(job: Job) -> str | None:
    """Whom it waits for: the first few parents of each kind of edge, and how many have not ended or ended wrongly."""
    if not job.spec.after:
        return None
    kinds = []
    for edges in job.spec.after:
        more = f" and {len(edges.ids) - _PARENTS:,} more" if len(edges.ids) > _PARENTS else ""
        into = f", into {edges.into}" if edges.into is not None else ""
        kinds.append(f"{edges.when.value}{into}: {' '.join(edges.ids[:_PARENTS])}{more}")
    counts = [f"{job.open_parents:,} open"] if job.open_parents else []
    counts += [f"{job.unmet:,} unmet"] if job.unmet else []
    return "; ".join(kinds) + (f" ({', '.join(counts)})" if counts else "")


def _arguments(job: Job, secret: Collection[str]) -> str | None:
    """As they are stored, unless some of them are masked."""
    if job.purged:
        return "gone: this is all that is left of a purged job"
    if not secret or is_reference(job.spec.args):
        return _text(job.spec.args)
    return _json(arguments_json(job.spec.args, secret))


def _length(ms: int | None) -> str | None:
    return None if ms is None else span(ms / 1000)


def print_result(job: Job) -> int:
    """An ended job's result as JSON. Raises the ``JobError`` that says why there is none."""
    if job.result is None:
        raise why_no_value(job)
    print_json(as_json(job.result))
    return EXIT_OK


def print_errors(errors: Iterable[ErrorInfo]) -> None:
    for error in errors:
        print(f"\nattempt {error.attempt}: {clean(error)}")
        if error.traceback:
            print("\n".join(f"    {clean(line)}" for line in error.traceback.rstrip().split("\n")))


async def errors_of(backend: Backend, job: Job) -> list[ErrorInfo]:
    """One error for each failed attempt, in order. A job whose log is gone still has its last one."""
    errors: list[ErrorInfo] = []
    after = 0
    while True:
        history = await backend.updates(job.id, after, _PAGE)
        errors += [_error(entry) for entry in history.entries if entry.kind is Kind.ERROR]
        if len(history.entries) < _PAGE:
            return errors or ([job.error] if job.error is not None else [])
        after = history.entries[-1].id


def update_line(update: Update) -> str:
    """One line for people. An error's traceback is left to ``abaca jobs show``."""
    attempt = f"attempt {update.attempt}" if update.attempt else ""
    return clean(f"{update.id:>5}  {instant(update.at)}  {attempt:<10} {update.kind:<8}  {_says(update)}")


def log_line(update: Update) -> str:
    """A line that a job logged: when, level, message, fields. Of a gap how many are no longer there."""
    at = instant(update.at)
    if update.kind is Kind.GAP:
        return clean(f"{at}  ... {_says(update)} updates before this are no longer kept")
    try:
        line = msgspec.json.decode(update.data, type=dict[str, Any])
        level, message = str(line.pop("level")), str(line.pop("message"))
    except (msgspec.MsgspecError, KeyError):
        return clean(f"{at}  {update.data.decode(errors='replace')}")
    return clean(" ".join([f"{at}  {level:<8} {message}", *(f"{name}={_json(value)}" for name, value in line.items())]))


def _says(update: Update) -> str:
    try:
        match update.kind:
            case Kind.ERROR:
                return str(_error(update))
            case Kind.PROGRESS:
                return str(msgspec.json.decode(update.data, type=Progress))
            case Kind.LOG:
                line = msgspec.json.decode(update.data, type=dict[str, Any])
                said = f"{line.pop('level')}: {line.pop('message')}"
                return " ".join([said, *(f"{name}={_json(value)}" for name, value in line.items())])
            case Kind.GAP:
                return str(msgspec.json.decode(update.data))
            case _:
                return msgspec.json.decode(update.data, type=str)
    except (msgspec.MsgspecError, KeyError):
        return update.data.decode(errors="replace")


def update_json(update: Update) -> str:
    """One line of JSON."""
    return json_text(msgspec.json.encode(update_view(update)))


def _error(entry: Update) -> ErrorInfo:
    try:
        return msgspec.json.decode(entry.data, type=ErrorInfo)
    except msgspec.DecodeError:
        return ErrorInfo(type="abaca.Unreadable", message="this entry of the log is damaged", attempt=entry.attempt)


def _text(data: bytes | None) -> str | None:
    if data is None:
        return None
    try:
        if is_reference(data):
            away = payload_elsewhere(data)
            return f"{away['bytes']:,} bytes in another place, as {away['elsewhere']}"
        return unpack(data).decode()
    except (ValueError, NotHere) as error:
        return f"unreadable: {error}"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _far(data: bytes | None) -> str | None:
    try:
        return None if data is None else str(msgspec.json.decode(unpack(data), type=Progress))
    except ValueError:
        return _text(data)


def _attempts(job: Job) -> str:
    most = (job.spec.retry or DEFAULT_RULE).max_attempts
    words = [f"{job.attempts} of {most} charged"]
    if job.state is State.RUNNING:
        words.append("one running")
    if job.losses:
        words.append(f"{job.losses} lost")
    return ", ".join([*words, f"claimed {job.epoch} time{'' if job.epoch == 1 else 's'}"])


def _when(micros: int | None, now: int) -> str | None:
    if micros is None:
        return None
    return f"{instant(micros)} ({ago(micros, now)}{' ago' if micros <= now else ''})"


def _took(job: Job) -> str | None:
    if job.ended_at is None or job.claimed_at is None:
        return None
    return f"{span((job.ended_at - job.claimed_at) / 1e6)} in the last run"
