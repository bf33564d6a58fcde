"""What was found out about a compiler is kept in a file, so that only a new or changed binary is asked again."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import msgspec

from abaca_compile.model import Environment

_EDITION = 1  # counts up when what is found out changes
_CHUNK = 1 << 20


class _Kept(msgspec.Struct):
    edition: int = 0
    found: dict[str, list[Environment]] = msgspec.field(default_factory=dict)


class Memory:
    """Findings by the identity of the binary. Without a path, or with a file that cannot be read, it starts empty."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._kept = _Kept(edition=_EDITION)
        self._is_new = False
        if path is not None:
            try:
                kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
            except (OSError, msgspec.MsgspecError):
                return
            if kept.edition == _EDITION:
                self._kept = kept

    def recall(self, identity: str) -> list[Environment] | None:
        return self._kept.found.get(identity)

    def keep(self, identity: str, environments: list[Environment]) -> None:
        self._kept.found[identity] = environments
        self._is_new = True

    def save(self) -> None:
        """Write what is new, whole or not at all. Where that is not possible the next start asks again."""
        if self._path is None or not self._is_new:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            number, name = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)
            with os.fdopen(number, "wb") as file:
                file.write(msgspec.json.encode(self._kept))
            os.replace(name, self._path)
        except OSError:
            return
        self._is_new = False


def identity(path: Path) -> str | None:
    """What changes when the binary behind a path is another one; ``None`` where there is no file."""
    real = os.path.realpath(path)
    try:
        about = os.stat(real)
    except OSError:
        return None
    return f"{real}|{about.st_size}|{about.st_mtime_ns}|{about.st_ino}"


def fingerprint(path: Path, about: str) -> str:
    """SHA-256 over the binary and what it says of itself: the same on two machines that have the same compiler."""
    digest = hashlib.sha256(about.encode())
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
