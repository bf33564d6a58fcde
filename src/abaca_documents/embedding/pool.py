"""Processes that embed, so that every core is used and a loop never waits for arithmetic."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from abaca_documents.embedding.worker import LENGTH
from abaca_documents.errors import EmbedderFailed

PATIENCE = 600.0  # seconds that one batch may take


class Pool:
    """Up to `processes` workers of one model, each started when it is first needed. Belongs to one event loop."""

    def __init__(self, model: str, folder: Path, processes: int) -> None:
        self._command = (sys.executable, "-m", "abaca_documents.embedding.worker", model, str(folder))
        self._free: asyncio.LifoQueue[asyncio.subprocess.Process | None] = asyncio.LifoQueue()
        for _ in range(processes):
            self._free.put_nowait(None)
        self._all: set[asyncio.subprocess.Process] = set()

    async def encode(self, texts: Sequence[str]) -> bytes:
        """Packed vectors of one batch. A worker that died is replaced once; raises `EmbedderFailed`."""
        request = msgspec.msgpack.encode(texts)
        for last in (False, True):
            worker = await self._free.get()
            answer: bytes | None = None
            try:
                if worker is None or worker.returncode is not None:
                    worker = await self._start()
                async with asyncio.timeout(PATIENCE):
                    answer = await _ask(worker, request)
                return answer
            except (OSError, EOFError, TimeoutError) as error:
                if last:
                    code = worker.returncode if worker is not None else None
                    raise EmbedderFailed(f"a process that embeds died or hung (exit code {code}): {error!r}") from error
            finally:
                # Whoever is cancelled in the middle of a request leaves a worker whose answer belongs to nobody.
                if answer is None and worker is not None:
                    await self._end(worker)
                    worker = None
                self._free.put_nowait(worker)
        raise AssertionError("the second try returns or raises")

    async def _start(self) -> asyncio.subprocess.Process:
        worker = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 22,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"},
        )
        self._all.add(worker)
        return worker

    async def _end(self, worker: asyncio.subprocess.Process) -> None:
        self._all.discard(worker)
        if worker.returncode is None:
            try:
                worker.kill()
            except ProcessLookupError:
                pass
        await asyncio.shield(worker.wait())

    async def close(self) -> None:
        for worker in list(self._all):
            await self._end(worker)


async def _ask(worker: asyncio.subprocess.Process, request: bytes) -> bytes:
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(len(request).to_bytes(LENGTH, "little") + request)
    await worker.stdin.drain()
    head = await worker.stdout.readexactly(LENGTH)
    return await worker.stdout.readexactly(int.from_bytes(head, "little"))
