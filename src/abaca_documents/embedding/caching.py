"""Vectors that were made before, by the hash of their text: what is embedded twice is computed once.

A vector tells something of its text, and its hash tells whether somebody who guesses the text is right. So the cache
knows for which documents a vector was used, and forgets it when one of them is forgotten.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Protocol

import apsw

from abaca_documents.libraryfile import LibraryFile, Part
from abaca_documents.model import Vector, chunk_hash
from abaca_documents.protocols import Counted, Embedder

MOST = 200_000  # vectors that are kept; 1.5 kB each for MiniLM


class VectorCache(Protocol):
    """Vectors by embedder and hash. It may forget at any time. It never holds text. ``owner`` is the document that the
    text is of."""

    async def find(self, embedder: str, hashes: Sequence[str], owner: str) -> dict[str, Vector]: ...

    async def keep(self, embedder: str, vectors: Mapping[str, Vector], owner: str) -> None: ...

    async def forget(self, owner: str) -> int:
        """Leave nothing of a document's texts, whichever embedder made the vector and whoever else used it; how many
        vectors there were. ``scrub`` makes it so on the disk."""
        ...

    async def scrub(self) -> None:
        """Leave nothing of what was forgotten on the disk, as far as the cache can."""
        ...

    async def owners(self, after: str, limit: int) -> list[str]:
        """Documents above ``after``, in order."""
        ...


class NoVectorCache:
    """A ``VectorCache`` that keeps nothing."""

    async def find(self, embedder: str, hashes: Sequence[str], owner: str) -> dict[str, Vector]:
        return {}

    async def keep(self, embedder: str, vectors: Mapping[str, Vector], owner: str) -> None: ...

    async def forget(self, owner: str) -> int:
        return 0

    async def scrub(self) -> None: ...

    async def owners(self, after: str, limit: int) -> list[str]:
        return []


class CachedEmbedder:
    """An `Embedder` for one document that asks the cache first. `computed` counts the texts that the inner one was
    given."""

    def __init__(self, inner: Embedder, cache: VectorCache, owner: str = "") -> None:
        self.inner = inner
        self.cache = cache
        self.owner = owner
        self.computed = 0

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def dimension(self) -> int:
        return self.inner.dimension

    async def embed(self, texts: Sequence[str], counted: Counted | None = None) -> list[Vector]:
        hashes = [chunk_hash(text) for text in texts]
        known = await self.cache.find(self.name, list(dict.fromkeys(hashes)), self.owner)
        missing = {hash: text for hash, text in zip(hashes, texts, strict=True) if hash not in known}
        if counted is not None and len(missing) < len(texts):
            counted(len(texts) - len(missing))
        if missing:
            self.computed += len(missing)
            made = dict(zip(missing, await self.inner.embed(list(missing.values()), counted), strict=True))
            await self.cache.keep(self.name, made, self.owner)
            known |= made
        return [known[hash] for hash in hashes]

    async def embed_query(self, text: str) -> Vector:
        """Not from the cache: what people look for is nobody's to keep."""
        return await self.inner.embed_query(text)

    async def close(self) -> None:
        await self.inner.close()


class FileVectorCache:
    """A `VectorCache` in a file of its own. The vectors written longest ago go first. Embedders of ``without`` are
    faster than the file, and nothing of them is kept."""

    def __init__(self, file: LibraryFile, most: int = MOST, without: Collection[str] = ()) -> None:
        self._file = file
        self._most = most
        self._without = frozenset(without)
        file.join(Part("vector-cache", _make_tables))

    async def find(self, embedder: str, hashes: Sequence[str], owner: str) -> dict[str, Vector]:
        if embedder in self._without:
            return {}

        def act(connection: apsw.Connection) -> dict[str, Vector]:
            found = {}
            for hash in hashes:
                for (vector,) in connection.execute(_sql("find_cached"), (embedder, bytes.fromhex(hash))):
                    found[hash] = vector
            return found

        found = await self._file.read(act)
        if found:
            await self._file.write(lambda connection: _own(connection, owner, found))
        return found

    async def keep(self, embedder: str, vectors: Mapping[str, Vector], owner: str) -> None:
        if embedder in self._without:
            return
        rows = [(embedder, bytes.fromhex(hash), vector) for hash, vector in vectors.items()]

        def act(connection: apsw.Connection) -> None:
            connection.executemany(_sql("keep_cached"), rows)
            _own(connection, owner, vectors)
            gone = connection.execute(_sql("trim_cached"), (self._most,)).fetchall()
            connection.executemany(_sql("disown_cached"), gone)

        await self._file.write(act)

    async def forget(self, owner: str) -> int:
        def act(connection: apsw.Connection) -> int:
            hashes = connection.execute(_sql("owned_cached"), (owner,)).fetchall()
            before = connection.total_changes()
            connection.executemany(_sql("forget_cached"), hashes)
            count = connection.total_changes() - before
            connection.executemany(_sql("disown_cached"), hashes)
            return count

        return await self._file.write(act)

    async def scrub(self) -> None:
        await self._file.scrub()

    async def owners(self, after: str, limit: int) -> list[str]:
        rows = await self._file.read(
            lambda connection: connection.execute(_sql("owners_cached"), (after, limit)).fetchall()
        )
        return [str(owner) for (owner,) in rows]


def _own(connection: apsw.Connection, owner: str, hashes: Collection[str]) -> None:
    connection.executemany(_sql("own_cached"), [(owner, bytes.fromhex(hash)) for hash in hashes])


def _make_tables(connection: apsw.Connection) -> None:
    connection.execute(_sql("make_cache")).fetchall()


@cache
def _sql(name: str) -> str:
    text = (files("abaca_documents.embedding") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("--"))
