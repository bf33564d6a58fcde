"""``abaca queues``"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

from cyclopts import App, Parameter

from abaca.app import App as AbacaApp
from abaca.cli.near import New, expect_queue, hint
from abaca.cli.output import note, print_json, print_pairs, print_table
from abaca.cli.session import Given, Session
from abaca.model import Overflow, QueueSettings, Stats
from abaca.views import instant, queue_view
from abaca.views.words import ago

queues = App(name="queues", help="Show how much waits in each queue; pause, limit, weigh, empty one.")


@queues.command(name="list")
@queues.default
def list_queues(*, session: Given) -> None:
    """Show how much waits in each queue, by priority, and since when."""
    stats, settings = session.run(_look)
    if session.json:
        print_json(_as_json(stats, settings))
        return
    rows = [
        (
            queue.name,
            queue.due,
            queue.later,
            queue.blocked,
            _state(settings.get(queue.name, QueueSettings())),
            ago(queue.oldest_due_at, stats.seen_at),
            " ".join(f"{priority}:{count}" for priority, count in sorted(queue.by_priority.items(), reverse=True)),
        )
        for queue in sorted(stats.queues, key=lambda queue: queue.name)
    ]
    print_table(("queue", "due", "later", "blocked", "settings", "oldest", "priority:waiting"), rows, "nothing waits")
    print()
    print_pairs([("running", stats.running), *((f"{end} in all", count) for end, count in stats.totals.items())])
    if stats.late:
        late = ", ".join(f"{count} in {queue}" for queue, count in sorted(stats.late.items()))
        print_pairs([("began late", late)])


@queues.command
def pause(name: str, /, *, new: New = False, session: Given) -> None:
    """Let workers claim nothing from a queue; what runs goes on."""
    _change(session, name, lambda app: app.queues.pause(name), new=new)


@queues.command
def resume(name: str, /, *, new: New = False, session: Given) -> None:
    """Let workers claim from a queue again."""
    _change(session, name, lambda app: app.queues.resume(name), new=new)


@queues.command
def limit(
    name: str,
    concurrency: Annotated[
        int | None, Parameter(help="How many run at once over all workers; none takes it away.")
    ] = None,
    /,
    *,
    new: New = False,
    session: Given,
) -> None:
    """Say how many jobs of a queue run at once, over all workers."""
    _change(session, name, lambda app: app.queues.limit(name, concurrency), new=new)


@queues.command(name="limit-length")
def limit_length(
    name: str,
    max_length: Annotated[int | None, Parameter(help="How many may wait; none takes the limit away.")] = None,
    /,
    *,
    new: New = False,
    session: Given,
) -> None:
    """Say how many jobs may wait in a queue; enqueuing more is refused."""
    _change(session, name, lambda app: app.queues.limit_length(name, max_length), new=new)


@queues.command(name="limit-wait")
def limit_wait(
    name: str,
    max_wait: Annotated[
        str | None, Parameter(help="How long a new job may have to wait, as 30s or 5m; none takes the limit away.")
    ] = None,
    /,
    *,
    new: New = False,
    session: Given,
) -> None:
    """Say how long a new job may have to wait in a queue, by the pace of its claims; enqueuing more is refused."""
    _change(session, name, lambda app: app.queues.limit_wait(name, max_wait), new=new)


@queues.command
def overflow(
    name: str,
    how: Annotated[
        Literal["reject", "wait", "shed-lowest"],
        Parameter(help="Refuse it; have its producer wait; or cancel a waiting job of a lower priority for it."),
    ],
    /,
    *,
    new: New = False,
    session: Given,
) -> None:
    """Say what becomes of a new job when a queue is full."""
    _change(session, name, lambda app: app.queues.overflow(name, how), new=new)


@queues.command
def weigh(
    name: str,
    tenant: str,
    weight: Annotated[int, Parameter(help="How many claims it gets in its turn, 1 to 1000.")],
    /,
    *,
    new: New = False,
    session: Given,
) -> None:
    """Say how many claims a tenant gets in its turn; the others get 1."""
    _change(session, name, lambda app: app.queues.weigh(name, {tenant: weight}), new=new)


@queues.command
def age(
    name: str,
    switch: Annotated[Literal["on", "off"], Parameter(help="Whether the job that has been due longest gets its turn.")],
    /,
    *,
    new: New = False,
    session: Given,
) -> None:
    """Give one claim in sixteen to the job that has been due longest, or stop that."""
    _change(session, name, lambda app: app.queues.age(name, switch == "on"), new=new)


@queues.command
def purge(name: str, /, *, session: Given) -> None:
    """Delete the jobs that wait in a queue, those of later too; running and ended ones stay."""

    async def empty(app: AbacaApp) -> int:
        deleted = await app.queues.purge(name)
        if not deleted:
            await hint(app, name, None)
        return deleted

    deleted = session.run(empty)
    print_json({"deleted": deleted}) if session.json else note(f"queue {name}: {deleted} waiting jobs deleted")


def _change(session: Session, name: str, act: Callable[[AbacaApp], Awaitable[QueueSettings]], *, new: bool) -> None:
    async def change(app: AbacaApp) -> QueueSettings:
        await expect_queue(app, name, new=new)
        return await act(app)

    settings = session.run(change)
    if session.json:
        print_json(settings)
        return
    note(f"queue {name}: {_state(settings) or 'open'}")


def _state(settings: QueueSettings) -> str:
    words = ["paused"] if settings.paused else []
    if settings.concurrency is not None:
        words.append(f"{settings.concurrency} at once")
    if settings.max_length is not None:
        words.append(f"{settings.max_length} may wait")
    if settings.max_wait_ms is not None:
        words.append(f"for {settings.max_wait_ms / 1000:g} s at most")
    if settings.overflow is not Overflow.REJECT:
        words.append(f"overflow {settings.overflow.value}")
    if settings.weights:
        words.append("weights " + " ".join(f"{tenant}:{weight}" for tenant, weight in sorted(settings.weights.items())))
    if settings.aging:
        words.append("ages")
    return ", ".join(words)


async def _look(app: AbacaApp) -> tuple[Stats, dict[str, QueueSettings]]:
    stats = await (await app.backend()).stats()
    return stats, await app.queues.all()


def _as_json(stats: Stats, settings: dict[str, QueueSettings]) -> dict[str, object]:
    return {
        "queues": [queue_view(queue, settings.get(queue.name, QueueSettings()), stats) for queue in stats.queues],
        "running": stats.running,
        "totals": stats.totals,
        "seen_at": instant(stats.seen_at),
    }
