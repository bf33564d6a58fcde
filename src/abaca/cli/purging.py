"""``abaca jobs purge`` and ``abaca jobs retention``"""

from __future__ import annotations

import sys
from typing import Annotated

import msgspec
from cyclopts import Parameter

from abaca.app import App
from abaca.cli.filters import statuses
from abaca.cli.jobacts import DryRun, Yes
from abaca.cli.near import New, expect_task
from abaca.cli.output import clean, note, print_json, print_table
from abaca.cli.session import Given
from abaca.cli.status import EXIT_FAILED, EXIT_OK
from abaca.durations import parse_duration
from abaca.errors import ConfigError
from abaca.model import Keep, Kept, Query, Retention
from abaca.purging import ENDED, Purged, purge
from abaca.subscriptions import change_retention, changed_retention, stored_retention
from abaca.views.words import counted, span

_AT_ONCE = 10_000

Long = Annotated[str | None, Parameter(help="As 90s, 2h or 30d.")]


def purge_jobs(
    *,
    status: Annotated[
        tuple[str, ...], Parameter(negative="", show_default=False, help="completed, failed, cancelled; several times.")
    ],
    older_than: Annotated[str, Parameter(help="Only jobs that ended longer ago, as 12h or 7d.")],
    queue: Annotated[str | None, Parameter(help="Only this queue's.")] = None,
    task: Annotated[str | None, Parameter(help="Only this task's.")] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    session: Given,
) -> int:
    """Delete ended jobs by their age, before their own time is over. Nothing is left of them.

    Members of workflows that have not ended stay.
    """
    ends = statuses(status)
    if not ends or any(end not in ENDED for end in ends):
        raise ConfigError(f"--status: give at least one end of a job: {', '.join(ENDED)}")
    age_ms = parse_duration(older_than, "--older-than")

    async def work(app: App) -> int:
        before = (await app.stats()).seen_at - age_ms * 1000
        query = Query(status=ends, queue=queue, task=task)
        found = await _to_the_end(app, query, before, dry_run=True)
        if dry_run or not found.matched:
            return _say(found, as_json=session.json, dry_run=dry_run)
        if not yes and not _confirmed(found):
            note("nothing was changed")
            return EXIT_FAILED
        return _say(await _to_the_end(app, query, before, dry_run=False), as_json=session.json, dry_run=False)

    return session.run(work)


async def _to_the_end(app: App, query: Query, before: int, *, dry_run: bool) -> Purged:
    total = Purged()
    while True:
        done = await purge(
            app.client(), msgspec.structs.replace(query, cursor=total.cursor), before, _AT_ONCE, dry_run=dry_run
        )
        total.matched += done.matched
        total.deleted += done.deleted
        total.held += done.held
        total.by_status.update(done.by_status)
        total.sample = total.sample or done.sample
        total.cursor = done.cursor
        if total.cursor is None:
            return total


def _say(done: Purged, *, as_json: bool, dry_run: bool) -> int:
    by_status = {status.value: count for status, count in done.by_status.most_common()}
    if as_json:
        print_json(
            {
                "dry_run": dry_run,
                "matched": done.matched,
                "deleted": done.deleted,
                "held": done.held,
                "by_status": by_status,
            }
        )
    elif dry_run:
        for job in done.sample:
            print(f"{job.id}  {job.status}  {clean(job.spec.task)}")
        print(f"would delete {_count(done)}; nothing was changed")
    else:
        print(f"deleted {done.deleted:,} of {counted(done.matched, 'job')}")
    if done.held:
        note(f"{counted(done.held, 'job')} left: members of workflows that have not ended")
    return EXIT_OK if dry_run or done.deleted == done.matched else EXIT_FAILED


def _confirmed(found: Purged) -> bool:
    if not sys.stdin.isatty():
        raise ConfigError(
            f"abaca jobs purge: {_count(found)} fit; give --yes to delete them, or --dry-run to see which"
        )
    print(f"delete {_count(found)}? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _count(found: Purged) -> str:
    by_status = ", ".join(f"{count:,} {status}" for status, count in found.by_status.most_common())
    return f"{counted(found.matched, 'job')} ({by_status})" if found.matched else "no jobs"


def retention(
    task: Annotated[str | None, Parameter(help="Only jobs of this task; without it, of all.")] = None,
    /,
    *,
    completed: Long = None,
    cancelled: Long = None,
    failed: Long = None,
    clear: Annotated[bool, Parameter(negative="", help="Forget what is stored, of the task or of all.")] = False,
    new: New = False,
    session: Given,
) -> None:
    """Show or set how long jobs stay after their end, whatever their code says. A call's own keep goes before it.

    Workers know it within a beat; it holds for jobs that end from then on.
    """
    given = {"completed_ms": completed, "cancelled_ms": cancelled, "failed_ms": failed}
    lengths = {name: _length(text, name.removesuffix("_ms")) for name, text in given.items() if text is not None}
    if clear and lengths:
        raise ConfigError("abaca jobs retention: --clear forgets what is stored; give no length with it")

    def change(stored: Retention) -> Retention:
        if clear:
            return Retention() if task is None else changed_retention(stored, None, {task: None})
        now = stored.default if task is None else stored.tasks.get(task, Kept())
        kept = msgspec.structs.replace(now, **lengths)
        return changed_retention(stored, kept, {}) if task is None else changed_retention(stored, None, {task: kept})

    async def work(app: App) -> Retention:
        if task is not None and lengths:
            await expect_task(app, task, new=new)
        if clear or lengths:
            return await change_retention(app.client(), change)
        return await stored_retention(app.client())

    stored = session.run(work)
    if session.json:
        print_json(
            {"default": _kept(stored.default), "tasks": {name: _kept(one) for name, one in stored.tasks.items()}}
        )
        return
    usual = Keep()
    rows = [
        ("(all)", stored.default),
        *sorted((item for item in stored.tasks.items() if task in (None, item[0])), key=lambda item: item[0]),
    ]
    print_table(
        ("task", "completed", "cancelled", "failed"),
        [(name, _span(one.completed_ms), _span(one.cancelled_ms), _span(one.failed_ms)) for name, one in rows],
        "nothing is stored",
    )
    ends = (("completed", usual.completed_ms), ("cancelled", usual.cancelled_ms), ("failed", usual.failed_ms))
    note("where nothing says otherwise: " + ", ".join(f"{end} {span(ms / 1000)}" for end, ms in ends))


def _length(text: str, what: str) -> int:
    ms = parse_duration(text, f"--{what}")
    if not ms:
        raise ConfigError(f"--{what}: it must be above zero; keep=0 of a task or a call stores no result")
    return ms


def _span(ms: int | None) -> str:
    return "-" if ms is None else span(ms / 1000)


def _kept(kept: Kept) -> dict[str, int | None]:
    return {"completed_ms": kept.completed_ms, "cancelled_ms": kept.cancelled_ms, "failed_ms": kept.failed_ms}
