"""A library whose metadata machines share has its chunks in one place."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from abaca import App, ConfigError
from abaca_documents.hosting import identity
from abaca_documents.library import Library
from abaca_documents.plugin import PLUGIN

pytestmark = pytest.mark.redis


@asynccontextmanager
async def machine(
    url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, replaces: str = ""
) -> AsyncIterator[Library]:
    """A library as a machine with a disk of its own has it."""
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("ABACA_DOCUMENTS_VECTORS", f"sqlite:///{folder / 'vectors.db'}")
    monkeypatch.setenv("ABACA_DOCUMENTS_BLOBS", f"file://{folder / 'blobs'}")
    monkeypatch.setenv("ABACA_DOCUMENTS_EMBEDDER", "static")
    monkeypatch.setenv("ABACA_DOCUMENTS_REPLACES", replaces)
    async with App(url, plugins=[PLUGIN]) as app:
        library = Library.of(app)
        yield library
        await library.close()


async def spaces(library: Library) -> list[tuple[str, int]]:
    return await library.opened().parts.vectors.spaces()


async def test_a_second_machine_with_a_file_of_its_own_is_refused(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a machine that keeps the library's chunks
    async with machine(redis_url, tmp_path / "one", monkeypatch) as library:
        assert await spaces(library) == []
    # When another one comes with another file
    async with machine(redis_url, tmp_path / "two", monkeypatch) as library:
        with pytest.raises(ConfigError, match=r"set documents\.vectors of all machines to one Chroma") as refused:
            await spaces(library)
    # Then it has written nothing, and says where the chunks are and what to do if they are lost
    assert str(tmp_path / "one" / "vectors.db") in str(refused.value)
    assert not (tmp_path / "two" / "vectors.db").exists()
    # And the first one goes on
    async with machine(redis_url, tmp_path / "one", monkeypatch) as library:
        assert await spaces(library) == []
    # And a new place takes over for one that is lost, when somebody says so
    (lost,) = re.findall(r"documents\.replaces to (\w+)", str(refused.value))
    async with machine(redis_url, tmp_path / "two", monkeypatch, replaces=lost) as library:
        assert await spaces(library) == []
    async with machine(redis_url, tmp_path / "one", monkeypatch) as library:
        with pytest.raises(ConfigError, match=r"documents\.vectors"):
            await spaces(library)


async def test_an_identity_moves_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    known = identity(tmp_path / "a" / "vectors.db")
    (tmp_path / "a").rename(tmp_path / "b")
    assert identity(tmp_path / "b" / "vectors.db") == known != identity(tmp_path / "c" / "vectors.db")
