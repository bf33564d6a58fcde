"""``abaca queues``"""

from __future__ import annotations

from abaca.app import App
from abaca.cli.output import ago, instant, print_json, print_pairs, print_table
from abaca.cli.session import Given
from abaca.model import Stats


def queues(*, session: Given) -> None:
    """Show how much waits in each queue, by priority, and since when."""
    stats = session.run(_stats)
    if session.json:
        print_json(_as_json(stats))
        return
    rows = [
        (
            queue.name,
            queue.due,
            queue.later,
            ago(queue.oldest_due_at, stats.seen_at),
            " ".join(f"{priority}:{count}" for priority, count in sorted(queue.by_priority.items(), reverse=True)),
        )
        for queue in sorted(stats.queues, key=lambda queue: queue.name)
    ]
    print_table(("queue", "due", "later", "oldest", "priority:waiting"), rows, "nothing waits")
    print()
    print_pairs([("running", stats.running), *((f"{end} in all", count) for end, count in stats.totals.items())])


async def _stats(app: App) -> Stats:
    return await (await app.backend()).stats()


def _as_json(stats: Stats) -> dict[str, object]:
    return {
        "queues": [
            {
                "name": queue.name,
                "due": queue.due,
                "later": queue.later,
                "by_priority": queue.by_priority,
                "oldest_due_at": instant(queue.oldest_due_at),
            }
            for queue in stats.queues
        ],
        "running": stats.running,
        "totals": stats.totals,
        "seen_at": instant(stats.seen_at),
    }
