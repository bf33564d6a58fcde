"""The app of the worker processes here: the plugin as users have it. What is embedded is counted in a file."""

from __future__ import annotations

import os
from collections.abc import Sequence

from abaca import App
from abaca_documents.embedding.engines import Floats
from abaca_documents.embedding.static import StaticEngine
from abaca_documents.plugin import PLUGIN

EMBEDDED = "PROOF_EMBEDDED"
"""The variable that names the file; it grows by a byte for each text."""


class _Counting:
    def __init__(self) -> None:
        self._encode = StaticEngine.encode

    def install(self) -> None:
        encode = self._encode

        def counted(engine: StaticEngine, texts: Sequence[str]) -> Floats:
            with open(os.environ[EMBEDDED], "a") as count:
                count.write("x" * len(texts))
            return encode(engine, texts)

        StaticEngine.encode = counted  # type: ignore[method-assign, assignment]


if EMBEDDED in os.environ:
    _Counting().install()
app = App(name="proof", plugins=[PLUGIN])
