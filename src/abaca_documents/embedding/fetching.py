"""Bringing a model's files where somebody sees it: with a bar at a terminal, else with a line before and one after."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from abaca_documents.embedding.weights import Model, fetch, is_here

Say = Callable[[str], None]


def fetch_seen(model: Model, folder: Path, say: Say | None = None) -> None:
    """``fetch``, unless the model is in the folder. ``say`` is told where standard error is no terminal, by default the
    log is. Raises ``ModelMissing``."""
    if is_here(model, folder):
        return
    console = Console(stderr=True)
    begins = f"fetching the model {model.name} ({model.licence}) into {folder}"
    if not console.is_terminal:
        say = say or logging.getLogger("abaca_documents").info
        say(begins)
        fetch(model, folder)
        say(f"the model {model.name} is there")
        return
    console.print(begins, highlight=False, soft_wrap=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console) as shown:
        bars: dict[str, TaskID] = {}

        def tell(name: str, done: int, size: int) -> None:
            if name not in bars:
                bars[name] = shown.add_task(name, total=size)
            shown.update(bars[name], completed=min(done, size))

        fetch(model, folder, tell)
