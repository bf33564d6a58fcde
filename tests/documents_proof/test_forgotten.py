"""Deletion is deletion: what was purged is in no byte of any store."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterable
from pathlib import Path

import apsw
import pytest

from abaca_documents.model import ChunkSettings, CollectionRequest, Document, DocumentStatus
from abaca_documents.settings import places
from abaca_documents.vectors.codes import codes_of
from tests.conftest import MakeRedis
from tests.documents_proof.agreement import disagreements, documents
from tests.documents_proof.ground import NAME, Ground, environment, ground_on
from tests.documents_search.models import needs_minilm, needs_static
from tests.integration.crew import eventually

WORDS = ("Zwirbelquast", "Murkelbatz", "Quendeltroll", "Fnarzhobel", "Schlumpfeiche")
STAYS = "Dornkraxler"
LONG = 100
pytestmark = [needs_static, pytest.mark.slow, pytest.mark.timeout(200)]


def told(words: Iterable[str]) -> bytes:
    """Text with a heading, of which a summary, keywords and questions are made."""
    first, *others = words
    lines = [f"The {word} of the {first} is what a {word} keeps under the old {first} bridge." for word in others]
    return f"# On the {first}\n\n{' '.join(lines * 8)}\n".encode()


def bytes_in(folder: Path) -> dict[str, bytes]:
    """But those of a Redis that has its folder there."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {
        name: path.read_bytes() for path in paths if not (name := str(path.relative_to(folder))).startswith("redis-")
    }


def found(folder: Path, needles: dict[str, bytes]) -> list[str]:
    """Which needles lie in which files; text in any case."""
    return [
        f"{what} in {name}"
        for name, data in bytes_in(folder).items()
        for what, needle in needles.items()
        if needle in data or needle.lower() in data.lower()
    ]


async def needles_of(ground: Ground, document: Document) -> dict[str, bytes]:
    """Every odd word of its text, and parts of its vectors and of their codes."""
    chunks = await ground.library.opened().parts.vectors.chunks(
        document.collection, 1, document.id, document.generation, vectors=True
    )
    vectors = [each.embedding for each in chunks if each.embedding is not None]
    assert vectors
    parts = {f"vector {at}": vector[40:72] for at, vector in enumerate(vectors)}
    parts |= {f"code {at}": code[:16] for at, code in enumerate(codes_of(vectors))}
    assert all(len(set(struct.unpack("<8f", part))) == 8 for name, part in parts.items() if name.startswith("vector"))
    return {word: word.encode() for word in WORDS} | parts


async def purged(ground: Ground, embedder: str = "static") -> dict[str, bytes]:
    """Documents that came by upload and by import, of which those with the odd words are deleted and cleared up;
    what is to be found nowhere."""
    library = ground.library
    if embedder != "static":
        await library.create_collection(CollectionRequest(name="other", embedder=embedder))
    # Given documents, two of them taken in by an import, one revised, and cut and described anew
    (ground.folder / "in").mkdir()
    (ground.folder / "in" / "note.md").write_bytes(told(reversed(WORDS)))
    (ground.folder / "in" / "page.html").write_bytes(b"<html><body>" + told(WORDS) + b"</body></html>")
    await (await ground.imported(ground.folder / "in")).result(timeout=LONG)
    (ground.folder / "in" / "note.md").unlink()
    (ground.folder / "in" / "page.html").unlink()
    collection = NAME if embedder == "static" else "other"
    added = []
    for name, text in (("a.md", told(WORDS)), ("a.md", told(WORDS[1:])), ("b.md", told([STAYS, "bridge keeper"]))):
        one = await library.add(text, collection=collection, filename=name, extract_metadata=True)
        assert one.job is not None
        assert (await one.job.result(timeout=LONG)).status is DocumentStatus.COMPLETED
        added.append(one)
    revised = (await library.revise(added[0].document.id, chunking=ChunkSettings(size=700), extract=True)).job
    assert revised is not None
    await revised.result(timeout=LONG)
    await (await library.tasks.metadata_extract.enqueue(added[0].document.id)).result(timeout=LONG)
    known = {each.filename: each for name in {NAME, collection} for each in await documents(library, name)}
    gone = [known[name] for name in ("a.md", "note.md", "page.html")]
    needles = {word: word.encode() for word in WORDS}
    for document in gone:
        assert document.status is DocumentStatus.COMPLETED, document.error
        needles |= await needles_of(ground, document)
    assert len(found(ground.folder, needles)) >= len(needles)
    # When they are deleted, and cleared up while somebody reads
    await library.delete([each.id for each in gone])
    reader = apsw.Connection(str(places(library.app).file), flags=apsw.SQLITE_OPEN_READONLY)
    reader.execute("BEGIN; SELECT count(*) FROM vector_chunks").fetchall()
    await library.tasks.clean_up.run()
    reader.close()
    # And once more when nobody does
    await library.tasks.clean_up.run()
    # Then no byte of them is left, and the other document is whole
    assert found(ground.folder, needles) == []
    assert any(STAYS.encode() in data for data in bytes_in(ground.folder).values())
    for name in {NAME, collection}:
        assert await disagreements(library, name) == []
    return needles


@pytest.mark.parametrize("embedder", ["static", pytest.param("minilm", marks=needs_minilm)])
async def test_what_was_purged_is_in_no_byte_of_the_files(here: Ground, embedder: str) -> None:
    worker = here.worker()
    await purged(here, embedder)
    worker.kill()


async def test_what_was_purged_is_in_no_byte_of_redis_once_its_log_is_rewritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_redis: MakeRedis
) -> None:
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    server = make_redis(appendonly=True, appendfsync="always")
    async with ground_on(server.url, tmp_path) as ground:
        worker = ground.worker()
        needles = await purged(ground)
        # Given the log of a server holds each command that wrote a record, and so titles and summaries
        assert any(b"note.md" in data for data in bytes_in(server.folder).values())
        # When it is rewritten, as Redis does by itself when it has doubled
        await asyncio.to_thread(server.command, "BGREWRITEAOF")

        async def is_rewritten() -> bool | None:
            said = await asyncio.to_thread(server.command, "INFO", "persistence")
            return True if not (said["aof_rewrite_in_progress"] or said["aof_rewrite_scheduled"]) else None

        await eventually(is_rewritten)
        worker.kill()
    # Then nothing of it is left, nor in what the server saves
    await asyncio.to_thread(server.command, "SAVE")
    assert found(server.folder, needles) == []
