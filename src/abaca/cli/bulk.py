"""Acts upon many jobs: those named, or all that fit a filter, after their number was confirmed."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from abaca.app import App
from abaca.bulk import Ask, at_once
from abaca.cli.filters import Filter
from abaca.cli.jobview import job_id
from abaca.cli.output import clean, note, print_json
from abaca.cli.session import Session
from abaca.cli.status import EXIT_FAILED, EXIT_OK
from abaca.errors import ConfigError
from abaca.model import Job, Status
from abaca.views.finding import pages
from abaca.views.words import counted

Answer = tuple[bool, str]
Act = Callable[[Ask, list[str]], Awaitable[list[Answer]]]

_SHOWN = 10


class _Found(NamedTuple):
    id: str
    status: Status
    task: str


def act_on(
    session: Session,
    verb: str,
    ids: Sequence[str],
    filter: Filter,
    act: Act,
    *,
    usual: tuple[Status, ...],
    all: bool,
    dry_run: bool,
    yes: bool,
) -> int:
    """Run one act on the jobs named by ``ids``, else on those of the filter.

    ``usual`` are their statuses where none are given.
    """
    if ids:
        if filter.given or all:
            raise ConfigError(f"abaca jobs {verb}: give ids, or a filter such as --status, not both")
        return _each(session, list(dict.fromkeys(job_id(id) for id in ids)), act)
    if not filter.given and not all:
        raise ConfigError(f"abaca jobs {verb}: give at least one job's id, or a filter such as --queue, or --all")

    async def work(app: App) -> int:
        backend = await app.backend()
        query = filter.query((await backend.stats()).seen_at, usual)
        jobs = [_found(job) async for page in pages(app.client(), query) for job in page.jobs]
        if dry_run:
            return _say_what_would_be(session, verb, jobs)
        if jobs and not yes and not _confirmed(verb, jobs):
            note("nothing was changed")
            return EXIT_FAILED
        answers = await act(at_once(backend), [job.id for job in jobs])
        return _report(session, verb, answers)

    return session.run(work)


def _found(job: Job) -> _Found:
    return _Found(job.id, job.status, job.spec.task)


def _say_what_would_be(session: Session, verb: str, jobs: Sequence[_Found]) -> int:
    if session.json:
        print_json({"dry_run": True, "matched": len(jobs), "by_status": _by_status(jobs)})
        return EXIT_OK
    for job in jobs[:_SHOWN]:
        print(f"{job.id}  {job.status}  {clean(job.task)}")
    if len(jobs) > _SHOWN:
        print(f"... and {len(jobs) - _SHOWN:,} more")
    print(f"would {verb} {_count(jobs)}; nothing was changed")
    return EXIT_OK


def _confirmed(verb: str, jobs: Sequence[_Found]) -> bool:
    """Asked in a terminal; elsewhere raises ``ConfigError``: a script has to say ``--yes``."""
    if not sys.stdin.isatty():
        raise ConfigError(
            f"abaca jobs {verb}: {_count(jobs)} fit; give --yes to {verb} them, or --dry-run to see which"
        )
    print(f"{verb} {_count(jobs)}? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _report(session: Session, verb: str, answers: Sequence[Answer]) -> int:
    done = sum(each for each, _ in answers)
    said = Counter(text for _, text in answers)
    if session.json:
        print_json({"dry_run": False, "matched": len(answers), "done": done, "answers": dict(said)})
    else:
        print(f"{verb}: {done:,} of {counted(len(answers), 'job')}")
        for text, count in said.most_common():
            print(f"  {count:,}  {text}")
    return EXIT_OK if done == len(answers) else EXIT_FAILED


def _each(session: Session, wanted: list[str], act: Act) -> int:
    async def work(app: App) -> list[Answer]:
        return await act(at_once(await app.backend()), wanted)

    answers = session.run(work)
    if session.json:
        print_json([{"id": id, "done": done, "answer": text} for id, (done, text) in zip(wanted, answers, strict=True)])
    else:
        for id, (_, text) in zip(wanted, answers, strict=True):
            print(f"{id}  {text}")
    return EXIT_OK if all(done for done, _ in answers) else EXIT_FAILED


def _count(jobs: Sequence[_Found]) -> str:
    by_status = ", ".join(f"{count:,} {status}" for status, count in _by_status(jobs).items())
    return f"{counted(len(jobs), 'job')} ({by_status})" if jobs else "no jobs"


def _by_status(jobs: Sequence[_Found]) -> dict[str, int]:
    return dict(Counter(job.status.value for job in jobs).most_common())
