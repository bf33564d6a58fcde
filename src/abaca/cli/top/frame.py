"""A look as it is drawn. No colour carries a meaning that no word carries."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from abaca.cli.output import clean
from abaca.cli.top.look import Look
from abaca.views import QueueView, WorkerView
from abaca.views.words import counted, span

_MOST_QUEUES = 10
_MOST_WORKERS = 8
_FIXED = 9
"""Lines of a frame that are neither rows of a table nor their heads."""


def draw(look: Look, url: str, height: int, skip: int = 0, note: str = "") -> RenderableType:
    """The frame for a terminal of so many lines; ``skip`` running jobs are scrolled past."""
    queues, workers = look.queues[:_MOST_QUEUES], look.workers[:_MOST_WORKERS]
    room = max(3, height - _FIXED - len(queues) - len(workers))
    return Group(
        _head(look, url),
        _verdict(look),
        Text(),
        _queues(look, queues),
        Text(),
        _workers(look, workers),
        Text(),
        _running(look, skip, room),
        Text(note, style="dim"),
    )


def _head(look: Look, url: str) -> Text:
    ended = ", ".join(f"{rate:g} {end}/s" for end, rate in look.rates.items())
    head = Text(f"abaca top  {clean(url)}  {look.seen_at[:19]}Z\n", style="bold", no_wrap=True)
    head.append(
        f"{look.waiting:,} waiting, {look.running:,} running, {counted(len(look.workers), 'worker')}"
        + (f"; {ended}" if ended else ""),
        style="not bold",
    )
    return head


def _verdict(look: Look) -> Text:
    if not look.wrong:
        return Text("nothing is wrong", style="green")
    return Text("look at: " + clean("; ".join(look.wrong)), style="bold red", overflow="ellipsis", no_wrap=True)


def _table(*heads: tuple[str, bool], empty: str | None) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", expand=False)
    for name, right in heads:
        table.add_column(name, justify="right" if right else "left", no_wrap=True, overflow="ellipsis")
    if empty is not None:
        table.add_row(Text(empty, style="dim"))
    return table


def _queues(look: Look, shown: list[QueueView]) -> Table:
    heads = (("queue", False), ("due", True), ("later", True), ("blocked", True), ("oldest", True), ("settings", False))
    table = _table(*heads, empty=None if shown else "nothing waits")
    for queue in shown:
        oldest = "-" if queue.oldest_age_ms is None else span(queue.oldest_age_ms / 1000)
        counts = (f"{count:,}" for count in (queue.due, queue.later, queue.blocked))
        table.add_row(clean(queue.name), *counts, oldest, _settings(queue))
    _more(table, len(look.queues) - len(shown), "queue")
    return table


def _settings(queue: QueueView) -> str:
    words = ["paused"] if queue.paused else []
    if queue.concurrency is not None:
        words.append(f"{queue.concurrency} at once")
    if queue.max_length is not None:
        words.append(f"{queue.max_length} may wait")
    return ", ".join(words)


def _workers(look: Look, shown: list[WorkerView]) -> Table:
    heads = (("worker", False), ("host", False), ("runs", True), ("slots", True), ("done", True), ("failed", True))
    table = _table(*heads, ("queues", False), ("", False), empty=None if shown else "no worker is alive")
    for worker in shown:
        doing = "silent" if worker.id in look.silent else "draining" if worker.draining else "working"
        table.add_row(
            clean(worker.name or worker.id),
            clean(worker.host),
            f"{len(worker.running):,}",
            f"{sum(worker.slots.values()):,}",
            f"{worker.processed:,}",
            f"{worker.failed:,}",
            clean(",".join(worker.queues)),
            Text(doing, style="red" if doing == "silent" else ""),
        )
    _more(table, len(look.workers) - len(shown), "worker")
    return table


def _running(look: Look, skip: int, room: int) -> Table:
    heads = (("running", False), ("task", False), ("queue", False), ("attempt", True), ("for", True), ("on", False))
    shown = look.jobs[skip : skip + room]
    table = _table(*heads, empty=None if look.jobs else "nothing runs")
    for job in shown:
        where = clean(job.worker) + (" (told to stop)" if job.stopping else "")
        length = span(job.for_ms / 1000)
        table.add_row(job.id, clean(job.task), clean(job.queue), str(job.attempt), length, where)
    _more(table, look.running - skip - len(shown), "job")
    return table


def _more(table: Table, count: int, noun: str) -> None:
    if count > 0:
        table.add_row(Text(f"and {counted(count, f'more {noun}')}", style="dim"))
