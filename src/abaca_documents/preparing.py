"""Brings what documents need beside packages: the files of the models, and the Python that parsers run with inside.

``python -m abaca_documents.preparing`` does it by hand; what is there already takes no time.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from abaca_documents.embedding.weights import MODELS, ModelMissing, fetch, is_here, model_folder
from abaca_documents.errors import DocumentsError
from abaca_documents.parsing.confined import is_prepared, prepare_runtime
from abaca_sandbox import SandboxUnavailable


def fetch_models(names: Sequence[str] = tuple(MODELS), folder: Path | None = None) -> None:
    """Fetch the models that are missing, with a bar where standard error is a terminal. Raises ``ModelMissing``."""
    where = folder or model_folder()
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    for model in (MODELS[name] for name in names):
        if is_here(model, where):
            continue
        console.print(f"Fetching the model {model.name} ({model.licence}) into {where}", highlight=False)
        with Progress(*columns, console=console, disable=not console.is_terminal) as shown:
            bars: dict[str, TaskID] = {}

            def tell(name: str, done: int, size: int, bars: dict[str, TaskID] = bars, shown: Progress = shown) -> None:
                if name not in bars:
                    bars[name] = shown.add_task(name, total=size)
                shown.update(bars[name], completed=done)

            fetch(model, where, tell)


def main() -> int:
    console = Console(stderr=True)
    status = 0
    try:
        fetch_models()
    except ModelMissing as error:
        console.print(str(error), highlight=False)
        status = 1
    if not is_prepared():
        console.print("Building the Python that parsers run with in the sandbox", highlight=False)
        try:
            prepare_runtime()
        except (SandboxUnavailable, DocumentsError) as error:
            console.print(str(error), highlight=False)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
