"""``abaca workers``"""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from abaca.app import App as AbacaApp
from abaca.cli.output import print_json, print_table, say
from abaca.cli.session import Given
from abaca.errors import ConfigError
from abaca.model import Card, Stats
from abaca.orders import order_drain
from abaca.text import did_you_mean, near_names
from abaca.views import worker_view
from abaca.views.takers import silent
from abaca.views.words import ago

workers = App(name="workers", help="Show the workers: where they run, what they serve; drain one.")


@workers.command(name="list")
@workers.default
def list_workers(*, session: Given) -> None:
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


@workers.command
def drain(
    worker: Annotated[str, Parameter(help="Its id, or its name where no other worker has it.")], /, *, session: Given
) -> None:
    """Tell a worker to claim no more, finish what it runs, and end, as SIGTERM does. It hears of it within a beat."""

    async def tell(app: AbacaApp) -> Card:
        backend = await app.backend()
        card = _named(worker, (await backend.stats()).workers)
        await order_drain(backend, card.id)
        return card

    card = session.run(tell)
    if session.json:
        print_json(worker_view(card))
    else:
        say(f"worker {card.name} is told to drain; it runs {len(card.running)} of its jobs to their end")


def _named(worker: str, cards: list[Card]) -> Card:
    found = [card for card in cards if card.id == worker] or [card for card in cards if card.name == worker]
    if len(found) > 1:
        raise ConfigError(
            f"{len(found)} workers are named {worker!r}; give an id: {', '.join(card.id for card in found)}"
        )
    if not found:
        near = near_names(worker, sorted({name for card in cards for name in (card.id, card.name)}))
        raise ConfigError(f"no worker {worker!r} has beaten within the last minute{did_you_mean(near) or ''}")
    return found[0]


async def _stats(app: AbacaApp) -> Stats:
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
