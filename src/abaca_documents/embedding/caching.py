"""Vectors that were made before, by the hash of their text: what is embedded twice is computed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Protocol

import apsw

from abaca_documents.libraryfile import LibraryFile, Part
from abaca_documents.model import Vector, chunk_hash
from abaca_documents.protocols import Counted, Embedder

MOST = 200_000  # vectors that are kept; 1.5 kB each for MiniLM


class VectorCache(Protocol):
    """Vectors by embedder and hash. It may forget at any time. It never holds text."""

    async def find(self, embedder: str, hashes: Sequence[str]) -> dict[str, Vector]: ...

    async def keep(self, embedder: str, vectors: Mapping[str, Vector]) -> None: ...

    async def forget(self, hashes: Sequence[str]) -> int:
        """Drop them for every embedder; how many there were."""
        ...


class CachedEmbedder:
    """An `Embedder` that asks the cache first. `computed` counts the texts that the inner one was given."""

    def __init__(self, inner: Embedder, cache: VectorCache) -> None:
        self.inner = inner
        self.cache = cache
        self.computed = 0

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def dimension(self) -> int:
        return self.inner.dimension

    async def embed(self, texts: Sequence[str], counted: Counted | None = None) -> list[Vector]:
        hashes = [chunk_hash(text) for text in texts]
        known = await self.cache.find(self.name, list(dict.fromkeys(hashes)))
        missing = {hash: text for hash, text in zip(hashes, texts, strict=True) if hash not in known}
        if counted is not None and len(missing) < len(texts):
            counted(len(texts) - len(missing))
        if missing:
            self.computed += len(missing)
            made = dict(zip(missing, await self.inner.embed(list(missing.values()), counted), strict=True))
            await self.cache.keep(self.name, made)
            known |= made
        return [known[hash] for hash in hashes]

    async def embed_query(self, text: str) -> Vector:
        """Not from the cache: what people look for is nobody's to keep."""
        return await self.inner.embed_query(text)

    async def close(self) -> None:
        await self.inner.close()


class FileVectorCache:
    """A `VectorCache` in the library file. The vectors written longest ago go first."""

    def __init__(self, file: LibraryFile, most: int = MOST) -> None:
        self._file = file
        self._most = most
        file.join(Part("vector-cache", _make_tables))

    async def find(self, embedder: str, hashes: Sequence[str]) -> dict[str, Vector]:
        def act(connection: apsw.Connection) -> dict[str, Vector]:
            found = {}
            for hash in hashes:
                for (vector,) in connection.execute(_sql("find_cached"), (embedder, bytes.fromhex(hash))):
                    found[hash] = vector
            return found

        return await self._file.read(act)

    async def keep(self, embedder: str, vectors: Mapping[str, Vector]) -> None:
        rows = [(embedder, bytes.fromhex(hash), vector) for hash, vector in vectors.items()]

        def act(connection: apsw.Connection) -> None:
            connection.executemany(_sql("keep_cached"), rows)
            connection.execute(_sql("trim_cached"), (self._most,))

        await self._file.write(act)

    async def forget(self, hashes: Sequence[str]) -> int:
        def act(connection: apsw.Connection) -> int:
            before = connection.total_changes()
            connection.executemany(_sql("forget_cached"), [(bytes.fromhex(hash),) for hash in hashes])
            return connection.total_changes() - before

        return await self._file.write(act)


def _make_tables(connection: apsw.Connection) -> None:
    connection.execute(_sql("make_cache"))


def _sql(name: str) -> str:
    text = (files("abaca_documents.embedding") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("--"))
