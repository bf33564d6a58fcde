"""Original bytes in a folder, by their SHA-256, each kept for as long as somebody refers to it.

    blobs/ab/ab12...        the bytes, read-only
    refs/ab/ab12.../WHO     one empty file for each revision that refers to them: their number is the count
    incoming/RANDOM         bytes on their way in
    locks/ab                held while references of blobs in ``ab`` change, by whichever process

A blob appears by a rename of a file that is complete and on the disk, so a crash leaves at most a file in ``incoming``,
a blob nobody refers to, or a reference of a document that is no more. ``collect`` removes all three once they are older
than the grace time. Names of files that people gave are never used as paths.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from abaca_documents.errors import BlobDamaged, BlobNotFound, DocumentsError, ValidationError
from abaca_documents.model import DIGEST, check_digest

GRACE_SECONDS = 3600.0
_PIECE = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,249}")
Known = Callable[[str], Awaitable[bool]]
"""Whether somebody is there who may refer to a blob."""


class FolderBlobs:
    """A ``Blobs``. Any number of processes of one host may use the folder."""

    def __init__(self, root: Path, *, grace_seconds: float = GRACE_SECONDS) -> None:
        self.root = root
        self._grace = grace_seconds

    async def put(self, source: Path | bytes, by: str | None = None) -> tuple[str, int]:
        return await asyncio.to_thread(self._put, source, None if by is None else _checked_name(by))

    async def refer(self, digest: str, by: str) -> None:
        await asyncio.to_thread(self._refer, check_digest(digest), _checked_name(by))

    async def release(self, digest: str, by: str) -> bool:
        return await asyncio.to_thread(self._release, check_digest(digest), _checked_name(by))

    async def references(self, digest: str) -> list[str]:
        return await asyncio.to_thread(lambda: sorted(_names(self._refs(check_digest(digest)))))

    async def path(self, digest: str) -> Path:
        return await asyncio.to_thread(self._checked, check_digest(digest))

    async def exists(self, digest: str) -> bool:
        return await asyncio.to_thread(self._blob(check_digest(digest)).is_file)

    async def collect(self, known: Known | None = None) -> int:
        removed = await asyncio.to_thread(self._drop_incoming)
        for digest in await asyncio.to_thread(self._digests):
            for by in await asyncio.to_thread(self._old_references, digest) if known is not None else ():
                if known is not None and not await known(by):
                    removed += await self.release(digest, by)
            removed += await asyncio.to_thread(self._drop_unreferred, digest)
        return removed

    async def digests(self) -> AsyncIterator[str]:
        for digest in await asyncio.to_thread(self._digests):
            yield digest

    def _blob(self, digest: str) -> Path:
        return self.root / "blobs" / digest[:2] / digest

    def _refs(self, digest: str) -> Path:
        return self.root / "refs" / digest[:2] / digest

    def _put(self, source: Path | bytes, by: str | None) -> tuple[str, int]:
        incoming = _folder(self.root / "incoming") / secrets.token_hex(16)
        try:
            digest, size = _copy(source, incoming)
            blob = self._blob(digest)
            with self._locked(digest):
                if blob.is_file() and blob.stat().st_size == size:
                    os.utime(blob)  # its grace time begins anew
                else:
                    _folder(blob.parent)
                    incoming.rename(blob)
                    _sync_folder(blob.parent)
                if by is not None:
                    self._mark(digest, by)
            return digest, size
        except OSError as error:
            raise DocumentsError(f"blobs {self.root}: nothing was stored: {error}") from error
        finally:
            incoming.unlink(missing_ok=True)

    def _refer(self, digest: str, by: str) -> None:
        with self._locked(digest):
            if not self._blob(digest).is_file():
                raise BlobNotFound(f"blob {digest}: it is not stored, so {by} cannot refer to it; upload it again")
            self._mark(digest, by)

    def _mark(self, digest: str, by: str) -> None:
        """Under the lock."""
        mark = _folder(self._refs(digest)) / by
        mark.touch()
        _sync_folder(mark.parent)

    def _release(self, digest: str, by: str) -> bool:
        with self._locked(digest):
            refs = self._refs(digest)
            (refs / by).unlink(missing_ok=True)
            if _names(refs):
                return False
            return self._drop(digest)

    def _drop(self, digest: str) -> bool:
        """Under the lock."""
        was_there = self._blob(digest).is_file()
        self._blob(digest).unlink(missing_ok=True)
        refs = self._refs(digest)
        if refs.is_dir():
            refs.rmdir()
        return was_there

    def _checked(self, digest: str) -> Path:
        blob = self._blob(digest)
        try:
            with blob.open("rb") as stored:
                found = hashlib.file_digest(stored, "sha256").hexdigest()
        except FileNotFoundError:
            raise BlobNotFound(f"blob {digest}: it is not stored; upload the document again") from None
        if found != digest:
            raise BlobDamaged(f"blob {digest}: its bytes have the digest {found}; restore {blob} or upload it again")
        return blob

    def _drop_incoming(self) -> int:
        old = [path for path in _files(self.root / "incoming") if self._is_old(path)]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _digests(self) -> list[str]:
        """Of blobs, and of references whose blob is not there."""
        found = {
            path.name
            for kind in ("blobs", "refs")
            for folder in _files(self.root / kind)
            for path in _files(folder)
            if DIGEST.fullmatch(path.name)
        }
        return sorted(found)

    def _old_references(self, digest: str) -> list[str]:
        return sorted(path.name for path in _files(self._refs(digest)) if self._is_old(path))

    def _drop_unreferred(self, digest: str) -> int:
        blob = self._blob(digest)
        with self._locked(digest):
            if not _names(self._refs(digest)) and self._is_old(blob):
                return int(self._drop(digest))
        return 0

    def _is_old(self, path: Path) -> bool:
        try:
            return time.time() - path.stat().st_mtime >= self._grace
        except FileNotFoundError:
            return False

    @contextmanager
    def _locked(self, digest: str) -> Iterator[None]:
        lock = os.open(_folder(self.root / "locks") / digest[:2], os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _checked_name(by: str) -> str:
    if not _NAME.fullmatch(by):
        raise ValidationError("by", f"{by[:100]!r} cannot keep a blob; use 1 to 250 letters, digits, dots, _ and -")
    return by


def _copy(source: Path | bytes, target: Path) -> tuple[str, int]:
    """Digest and size of what was written and is on the disk."""
    seen = hashlib.sha256()
    size = 0
    with target.open("xb") as out:
        for piece in _pieces(source):
            seen.update(piece)
            size += len(piece)
            out.write(piece)
        out.flush()
        os.fchmod(out.fileno(), 0o400)
        os.fsync(out.fileno())
    return seen.hexdigest(), size


def _pieces(source: Path | bytes) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as given:
        while piece := given.read(_PIECE):
            yield piece


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def _files(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _names(folder: Path) -> list[str]:
    return [path.name for path in _files(folder)]


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
