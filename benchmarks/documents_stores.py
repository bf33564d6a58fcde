"""The vector stores that are installed, to be held to one suite and measured beside each other: always the library
file, and Chroma, embedded and as a server, where it is there."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from abaca_documents.errors import StoreUnavailable
from abaca_documents.libraryfile import LibraryFile
from abaca_documents.protocols import VectorStore
from abaca_documents.vectors.chroma.client import Chroma
from abaca_documents.vectors.chroma.indexed import IndexedVectors
from abaca_documents.vectors.chroma.store import ChromaVectors
from abaca_documents.vectors.sqlitevec import SqliteVectors
from tests.servers import free_port

HAS_CHROMA = importlib.util.find_spec("chromadb") is not None
STORES = ("sqlite", "chroma", "chroma-server") if HAS_CHROMA else ("sqlite",)


@asynccontextmanager
async def opened(kind: str, file: LibraryFile, folder: Path) -> AsyncIterator[VectorStore]:
    """An empty store; one with a server of its own ends it."""
    if kind == "sqlite":
        yield SqliteVectors(file)
        return
    if kind == "chroma":
        indexed = IndexedVectors(file, Chroma(f"chroma:///{folder / 'chroma'}"))
        yield indexed
        await indexed.close()
        return
    async with chroma_server(folder) as url:
        store = ChromaVectors(Chroma(url))
        yield store
        await store.close()


@asynccontextmanager
async def chroma_server(folder: Path) -> AsyncIterator[str]:
    """Its URL, once it answers."""
    port = free_port()
    program = Path(sys.executable).with_name("chroma")
    given = ("run", "--path", str(folder / "server"), "--host", "127.0.0.1", "--port", str(port))
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(str(program), *given, stdin=quiet, stdout=quiet, stderr=quiet)
    url = f"chroma://127.0.0.1:{port}/tests"
    try:
        await _until_up(url, process)
        yield url
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _until_up(url: str, process: asyncio.subprocess.Process) -> None:
    while True:
        store = ChromaVectors(Chroma(url))
        try:
            await store.spaces()
            return
        except StoreUnavailable:
            assert process.returncode is None, "the Chroma server ended before it answered"
            await asyncio.sleep(0.1)  # sleeps: a server that starts says nothing
        finally:
            await store.close()
