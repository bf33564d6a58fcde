"""One place for the chunks of a library whose metadata many machines share.

A file, or an embedded Chroma, is on one machine. A worker of another one would write into a file of its own, and
searches would find half of everything. So the place has an identity, kept in a small file beside it, and the first to
use it, or to work with it, leaves that as a record in the store of the jobs. Whoever comes with another one is refused.
"""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

import msgspec

from abaca import ConfigError, Record, Verdict
from abaca_documents.registry.recording import Records

KIND, ID = "documents.place", "vectors"


class Place(msgspec.Struct, frozen=True):
    """``host`` and ``path`` are for people: containers change their names, and folders are mounted elsewhere."""

    id: str
    host: str
    path: str


_pack = msgspec.json.Encoder().encode
_read = msgspec.json.Decoder(Place).decode


async def admit(records: Records, path: Path, replaces: str = "") -> None:
    """Raises ``ConfigError`` where the library has its chunks in another place, unless that one's identity is
    ``replaces``: then this place is the library's from now on."""
    here = Place(id=identity(path), host=socket.gethostname(), path=str(path))
    while True:
        (known,) = await records.read(KIND, [ID])
        found = None if known is None else _read(known.data or b"")
        if found is not None and found.id == here.id:
            return
        if found is not None and found.id != replaces:
            raise ConfigError(
                f"documents.vectors: this library has its chunks in {found.path} on {found.host}, and {path} on "
                f"{here.host} is another place, so nothing is read or written here. Run workers and servers of "
                f"documents on {found.host} alone, or set documents.vectors of all machines to one Chroma, "
                f"chroma://HOST:8000. If that place is lost, set documents.replaces to {found.id} and reindex every "
                f"collection"
            )
        version = 0 if known is None else known.version
        (verdict,) = await records.put([Record(kind=KIND, id=ID, data=_pack(here), version=version)])
        if verdict is Verdict.APPLIED:
            return


async def refuse_without(records: Records, unnamed: ConfigError) -> None:
    """For a worker that cannot tell where chunks are: raises ``ConfigError`` where another machine has some."""
    (known,) = await records.read(KIND, [ID])
    if known is not None:
        found = _read(known.data or b"")
        raise ConfigError(
            f"{unnamed}. This library has its chunks in {found.path} on {found.host}: run workers of documents there "
            f"alone, and let this one serve other queues"
        ) from unnamed


def identity(path: Path) -> str:
    """Of a file or folder that may not be there yet; made at the first question, once among all processes."""
    kept = path.with_name(f"{path.name}.id")
    kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        return kept.read_text().strip()
    except FileNotFoundError:
        pass
    made = kept.with_name(f"{kept.name}.{secrets.token_hex(8)}")
    made.write_text(f"{secrets.token_hex(16)}\n")
    try:
        os.link(made, kept)
    except FileExistsError:
        pass
    finally:
        made.unlink()
    return kept.read_text().strip()
