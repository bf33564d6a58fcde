"""What SQLite does for a question to the registry: the time of an upload must not grow with its collection."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from abaca_documents.libraryfile import LibraryFile
from abaca_documents.model import DocumentFilter
from abaca_documents.registry import FileRegistry
from abaca_documents.registry.byfile import list_statement
from tests.documents.making import collection, digest


@pytest.mark.parametrize(
    "filter",
    [
        DocumentFilter(collection="books", content_hash=digest("a")),
        DocumentFilter(collection="books", filename="a.txt"),
        DocumentFilter(collection="books", source_id="a"),
    ],
    ids=["bytes", "filename", "source"],
)
async def test_documents_are_found_by_one_index_without_reading_the_collection(
    tmp_path: Path, filter: DocumentFilter
) -> None:
    # Given a registry
    registry = FileRegistry(LibraryFile(tmp_path / "library.db"))
    await registry.create_collection(collection("books"))
    connection = apsw.Connection(str(tmp_path / "library.db"), flags=apsw.SQLITE_OPEN_READONLY)
    # When SQLite is asked how it answers
    statement, values = list_statement(filter, None, 50)
    plan = [text for *_, text in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    # Then it looks up both the collection and the other field, and sorts nothing
    (field,) = {"content_hash", "filename", "source_id"} & {
        name for name in filter.__struct_fields__ if getattr(filter, name)
    }
    assert len(plan) == 1, plan
    assert f"(collection=? AND {field}=?)" in plan[0], plan
    connection.close()
    await registry.close()
