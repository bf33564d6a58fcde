"""``abaca workers``"""

from __future__ import annotations

from abaca.app import App
from abaca.cli.output import print_json, print_table
from abaca.cli.session import Given
from abaca.model import Card, Stats
from abaca.views import worker_view
from abaca.views.takers import silent
from abaca.views.words import ago


def workers(*, session: Given) -> None:
    """Show the workers: where they run, what they serve, what they have done.

    One that was killed stays "silent" for a minute after its last beat; one that was told to stop leaves at once.
    """
    stats = session.run(_stats)
    cards = sorted(stats.workers, key=lambda card: (card.name, card.id))
    if session.json:
        print_json([worker_view(card) for card in cards])
        return
    heads = ("worker", "host", "pid", "queues", "tasks", "running", "done", "ok", "failed", "avg ms", "up", "beat", "")
    print_table(heads, [_row(card, stats.seen_at) for card in cards], "no live workers")


async def _stats(app: App) -> Stats:
    return await (await app.backend()).stats()


def _row(card: Card, now: int) -> tuple[object, ...]:
    return (
        card.name,
        card.host,
        card.pid,
        ",".join(card.queues),
        len(card.tasks),
        len(card.running),
        card.processed,
        card.succeeded,
        card.failed,
        f"{card.busy_ms / card.processed:.1f}" if card.processed else None,
        ago(card.started_at, now),
        ago(card.seen_at, now),
        _doing(card, now),
    )


def _doing(card: Card, now: int) -> str:
    if silent(card, now):
        return "silent"
    return "draining" if card.draining else "working"
