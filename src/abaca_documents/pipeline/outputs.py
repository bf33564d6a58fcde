"""What a stage has made, for the next one and for a run that goes on after a crash.

An output is a file named for all that it was made of, so it is right whenever it is there; one that is missing is made
again. All outputs of a document lie in one folder, which goes when the document is finished, deleted, or forgotten.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import shutil
import time
from pathlib import Path

from abaca_documents.model import check_document_id


class FolderOutputs:
    def __init__(self, root: Path) -> None:
        self.root = root

    async def read(self, document_id: str, name: str) -> bytes | None:
        return await asyncio.to_thread(self._read, self._place(document_id, name))

    async def write(self, document_id: str, name: str, data: bytes) -> None:
        await asyncio.to_thread(self._write, self._place(document_id, name), data)

    async def drop(self, document_id: str) -> None:
        folder = self.root / check_document_id(document_id)
        if _is_there(folder):
            await asyncio.to_thread(shutil.rmtree, folder, True)

    async def collect(self, older_than: float) -> int:
        """Drop the folders that nobody wrote to for so many seconds; how many."""
        return await asyncio.to_thread(self._collect, time.time() - older_than)

    def _place(self, document_id: str, name: str) -> Path:
        return self.root / check_document_id(document_id) / hashlib.sha256(name.encode()).hexdigest()

    def _read(self, place: Path) -> bytes | None:
        try:
            return place.read_bytes()
        except FileNotFoundError:
            return None

    def _write(self, place: Path, data: bytes) -> None:
        """A rename makes it appear whole. It need not outlive a power cut: what is missing is made again."""
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        making = place.with_name(f".{secrets.token_hex(8)}")
        try:
            making.write_bytes(data)
            os.replace(making, place)
        finally:
            making.unlink(missing_ok=True)

    def _collect(self, before: float) -> int:
        try:
            old = [folder for folder in self.root.iterdir() if folder.stat().st_mtime < before]
        except FileNotFoundError:
            return 0
        for folder in old:
            shutil.rmtree(folder, ignore_errors=True)
        return len(old)


def _is_there(folder: Path) -> bool:
    """Asked without a thread: it takes less time than one."""
    return os.path.lexists(folder)
