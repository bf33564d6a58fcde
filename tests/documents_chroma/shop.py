"""The app of the worker processes here: the plugin as users have it. Where `STOPS_BEHIND_STORING` names a file, that is
made behind the first chunks that are stored in Chroma, and nothing follows: the process is to be killed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from abaca import App
from abaca_documents.model import Chunk
from abaca_documents.plugin import PLUGIN
from abaca_documents.protocols import Space
from abaca_documents.vectors.chroma.store import ChromaVectors

STOPS = "STOPS_BEHIND_STORING"
_put = ChromaVectors.put


async def _put_and_stop(store: ChromaVectors, space: Space, chunks: Sequence[Chunk]) -> None:
    await _put(store, space, chunks)
    Path(os.environ[STOPS]).touch()
    await asyncio.Event().wait()


if STOPS in os.environ:
    ChromaVectors.put = _put_and_stop  # type: ignore[method-assign, assignment]
app = App(name="served", plugins=[PLUGIN])
