"""Random programs: every registry answers the same, and its indices are those of a recount."""

from __future__ import annotations

import asyncio
import random
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from abaca import App
from abaca_documents.errors import DocumentsError
from abaca_documents.libraryfile import LibraryFile
from abaca_documents.model import Document, DocumentFilter, DocumentStatus
from abaca_documents.protocols import Repository
from abaca_documents.registry import FileRegistry, RecordRegistry
from tests.documents.making import collection, digest, document

IDS = ("a", "b", "c", "d", "e")
STATUSES = ("pending", "processing", "completed", "failed")


class Program:
    """Steps that a number decides, so that it runs in the same way on each registry."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def step(self) -> tuple[str, tuple[Any, ...]]:
        rng = self.rng
        name = rng.choice(
            ("register", "register", "register_batch", "update", "update", "change", "delete", "delete_batch", "purge",
             "clear_collection", "create_collection", "drop_collection")
        )  # fmt: skip
        match name:
            case "register":
                return name, (self.document(),)
            case "register_batch":
                return name, ([self.document() for _ in range(rng.randint(1, 3))],)
            case "update":
                fields: dict[str, Any] = {"status": rng.choice(STATUSES)}
                if rng.random() < 0.5:
                    fields = {"filename": rng.choice("xyz"), "chunk_count": rng.randint(0, 9), "metadata": {"n": 1}}
                return name, (rng.choice(IDS), fields)
            case "change":
                return name, (rng.choice(IDS), self.shown(rng.randint(1, 3), digest(rng.choice("xy"))))
            case "delete_batch":
                return name, (rng.sample(IDS, rng.randint(1, 3)),)
            case "create_collection":
                return name, (collection(rng.choice(("books", "notes"))),)
            case "clear_collection" | "drop_collection":
                return name, (rng.choice(("books", "notes")),)
        return name, (rng.choice(IDS),)

    def document(self) -> Document:
        rng = self.rng
        return document(
            rng.choice(IDS),
            rng.choice(("books", "notes")),
            minutes=rng.randint(0, 2),
            filename=rng.choice("xyz"),
            content_hash=rng.choice(("", digest("x"), digest("y"))),
            chunk_count=rng.randint(0, 5),
            file_size=rng.randint(0, 100),
            metadata=rng.choice(({}, {"n": 1}, {"n": [1, "x"]})),
        )

    @staticmethod
    def shown(generation: int, content_hash: str) -> Any:
        def change(before: Document) -> Document:
            last = max(before.last_generation, generation)
            return msgspec.structs.replace(
                before, generation=generation, last_generation=last, content_hash=content_hash
            )

        return change


def plain(answer: Any) -> Any:
    """Without the times that the registry sets."""
    if isinstance(answer, Document):
        deleted = None if answer.deleted_at is None else answer.created_at
        return msgspec.structs.replace(answer, updated_at=answer.created_at, deleted_at=deleted)
    if isinstance(answer, list):
        return [plain(each) for each in answer]
    return answer


async def answer(registry: Repository, name: str, arguments: tuple[Any, ...]) -> Any:
    try:
        return plain(await getattr(registry, name)(*arguments))
    except DocumentsError as error:
        return type(error), getattr(error, "ids", ())


FILTERS = (
    DocumentFilter(),
    DocumentFilter(include_deleted=True),
    DocumentFilter(collection="books", statuses=(DocumentStatus.DELETED,)),
    DocumentFilter(collection="notes", content_hash=digest("x")),
    DocumentFilter(filename="y", include_deleted=True),
    DocumentFilter(metadata={"n": 1}),
)


async def told(registry: Repository) -> Any:
    """All that a registry can be asked."""
    found: list[Any] = [plain(await registry.get_batch(IDS)), await registry.stats(), await registry.visible(IDS)]
    for wanted in FILTERS:
        ids, cursor = [], None
        while True:
            page = await registry.list(wanted, cursor=cursor, limit=2)
            ids += [each.id for each in page.items]
            cursor = page.cursor
            if cursor is None:
                break
        assert await registry.count(wanted) == len(ids)
        found.append(ids)
    names = [each.name for each in await registry.list_collections()]
    graves = await registry.deleted_before(document("x").created_at + timedelta(days=9999))
    return found, names, [await registry.collection_stats(name) for name in names], sorted(each.id for each in graves)


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32))
def test_registries_agree_and_their_indices_never_drift(seed: int) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = LibraryFile(Path(folder) / "library.db", readers=1, synchronous="OFF")
            async with App("memory://") as app:
                registries: list[Repository] = [RecordRegistry(app.records), FileRegistry(file)]
                for registry in registries:
                    await registry.create_collection(collection("books"))
                program = Program(seed)
                for _ in range(30):
                    name, arguments = program.step()
                    first, second = [await answer(registry, name, arguments) for registry in registries]
                    assert first == second, (name, arguments)
                first, second = [await told(registry) for registry in registries]
                assert first == second
                for registry in registries:
                    assert await registry.audit() == []
            await file.close()

    asyncio.run(run())


async def test_a_recount_finds_what_was_damaged() -> None:
    """The test above means nothing unless a recount sees what differs."""
    async with App("memory://") as app:
        registry = RecordRegistry(app.records)
        await registry.create_collection(collection("books"))
        await registry.register(document("a"))
        for kind in ("documents.key", "documents.in.books"):
            (first, *_) = await app.records.scan(kind)
            await app.records.put([msgspec.structs.replace(first, data=None)])
        counts = [each for each in await app.records.scan("documents.count") if each.data != b"{}"]
        await app.records.put([msgspec.structs.replace(each, data=b"{}") for each in counts])
        assert len(await registry.audit()) == 3
