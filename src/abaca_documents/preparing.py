"""Brings what documents need beside packages: the files of the models, and the Python that parsers run with inside.

``python -m abaca_documents.preparing`` does it by hand; what is there already takes no time.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from abaca_documents.embedding.fetching import fetch_seen
from abaca_documents.embedding.weights import MODELS, ModelMissing, model_folder
from abaca_documents.errors import DocumentsError
from abaca_documents.parsing.confined import is_prepared, prepare_runtime
from abaca_sandbox import SandboxUnavailable


def fetch_models(names: Sequence[str] = tuple(MODELS), folder: Path | None = None) -> None:
    """Fetch the models that are missing, and say so on standard error, at a terminal with a bar. Raises
    ``ModelMissing``."""
    console = Console(stderr=True)
    for name in names:
        fetch_seen(
            MODELS[name],
            folder or model_folder(),
            lambda line: console.print(line, highlight=False, soft_wrap=True),
        )


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
