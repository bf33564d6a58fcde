"""``abaca top``"""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.live import Live

from abaca.app import App
from abaca.cli.output import print_json
from abaca.cli.session import Given
from abaca.cli.top.frame import draw
from abaca.cli.top.keys import pressed
from abaca.cli.top.look import Look, Looker
from abaca.config import hide_passwords
from abaca.config.values import read_seconds
from abaca.errors import BackendUnavailable

_KEYS = "q quits, up and down scroll, space holds"
_NO_END = 10_000


def top(
    *,
    interval: Annotated[str, Parameter(help="Time between two looks.")] = "1s",
    once: Annotated[bool, Parameter(negative="", help="Print one frame and end.")] = False,
    session: Given,
) -> None:
    """Watch a store live: queues, workers, running jobs, rates, and what is wrong.

    Keys: q quits, up and down scroll the running jobs, space holds the picture. Where the output is no terminal, and
    with --once or --json, it is one frame.
    """
    seconds = read_seconds(interval, "--interval")
    single = once or session.json or not sys.stdout.isatty()

    async def watch(app: App) -> None:
        looker = Looker(app)
        url = hide_passwords(app.url)
        if not single:
            await _live(looker, url, seconds)
            return
        look = await looker.look()
        if session.json:
            print_json(look)
            return
        console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
        console.print(draw(look, url, _NO_END))

    session.run(watch)


async def _live(looker: Looker, url: str, seconds: float) -> None:
    console = Console(highlight=False)
    look = await looker.look()
    skip, held, note = 0, False, _KEYS
    with pressed() as keys, Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.update(draw(look, url, console.height, skip, note), refresh=True)
            key = await _next_key(keys, seconds)
            match key:
                case "q" | "Q" | "\x04":
                    return
                case "up" | "down":
                    skip = _scrolled(skip, key, look)
                case " ":
                    held = not held
                    note = "held; space goes on" if held else _KEYS
                case _ if not held:
                    look, note = await _look_again(looker, look)


async def _next_key(keys: asyncio.Queue[str], seconds: float) -> str | None:
    try:
        return await asyncio.wait_for(keys.get(), seconds)
    except TimeoutError:
        return None


def _scrolled(skip: int, key: str, look: Look) -> int:
    return max(0, min(skip + (1 if key == "down" else -1), len(look.jobs) - 1))


async def _look_again(looker: Looker, last: Look) -> tuple[Look, str]:
    """While the store is away the last look stays, and the frame says so."""
    try:
        return await looker.look(), _KEYS
    except BackendUnavailable as error:
        return last, f"the store is away: {error}"
