"""Bulk imports and archives over HTTP."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from abaca import App
from abaca.keys import create_key
from abaca_documents.plugin import PLUGIN
from tests.documents_search.models import needs_static
from tests.documents_web.calling import GARDEN, HARBOUR, Shelf, code
from tests.http.harness import serving

pytestmark = needs_static


def packed(**files: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return made.getvalue()


async def imported(shelf: Shelf, content: bytes, path: str = "/documents/import", **fields: str) -> dict[str, Any]:
    """The result of the job."""
    answer = await shelf.call("POST", path, files={"file": ("many", content)}, data=fields)
    assert answer.status_code == 202, answer.text
    job = await shelf.ended(answer.json()["job_id"])
    assert job["status"] == "completed", job
    return dict(job["result"])


async def names(shelf: Shelf, collection: str) -> list[str]:
    items = (await shelf.get("/documents", params={"collection": collection})).json()["items"]
    return sorted(each["filename"] for each in items)


async def test_archives_and_lines_are_imported_by_one_job(shelf: Shelf) -> None:
    # When an archive comes, with an entry that would lead elsewhere and one that cannot be read
    archive = packed(**{"a/garden.md": GARDEN, "../harbour.md": HARBOUR, "bad.pdf": "%PDF-1.7"})
    result = await imported(shelf, archive, collection="books", metadata='{"lot": 1}')
    # Then each has its outcome
    assert (result["total"], result["completed"], result["failed"]) == (3, 2, 1)
    assert result["failures"][0]["name"] == "bad.pdf"
    # And lines of JSON do the same
    lines = [{"text": "Ivy climbs.", "filename": "ivy.txt", "metadata": {"lot": 2}}, {"no": "text"}]
    result = await imported(shelf, "\n".join(map(json.dumps, lines)).encode(), collection="books")
    assert (result["completed"], result["failed"]) == (1, 1)
    assert {"ivy.txt", "a/garden.md"} <= set(await names(shelf, "books"))
    # And nothing of the archives themselves is kept
    blobs = shelf.library.opened().parts.blobs
    assert len([digest async for digest in blobs.digests()]) == 4


async def test_a_collection_is_carried_as_one_file(shelf: Shelf) -> None:
    await shelf.stored(GARDEN, "garden.md", metadata={"year": 2026}, source_id="s1")
    await shelf.stored(HARBOUR, "harbour.md")
    # When
    archive = await shelf.call("POST", "/collections/books/export")
    assert (archive.status_code, archive.headers["content-type"]) == (200, "application/zip")
    assert archive.headers["content-disposition"].startswith('attachment; filename="books.zip"')
    assert (await shelf.get("/collections/books/export")).status_code == 200
    result = await imported(shelf, archive.content, "/collections/other/import")
    # Then the other has what the one had
    assert (result["total"], result["completed"]) == (2, 2)
    assert await names(shelf, "other") == ["garden.md", "harbour.md"]
    assert list((shelf.folder / "jobs.documents" / "incoming").iterdir()) == []
    # And what is no archive fails its job
    bad = await shelf.call("POST", "/collections/other/import", files={"file": ("x", b"no archive")})
    assert (await shelf.ended(bad.json()["job_id"]))["status"] == "failed"
    assert code(await shelf.get("/collections/none/export")) == (404, "collection_not_found")


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A folder that may be imported from, and one beside it that may not."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside / "manuals", outside):
        folder.mkdir(parents=True)
        (folder / "garden.md").write_text(GARDEN)
    (inside / "away").symlink_to(outside)
    (inside / "manuals" / "link.md").symlink_to(outside / "garden.md")
    monkeypatch.setenv("ABACA_DOCUMENTS_IMPORT_FOLDER", str(inside))
    app = App(f"sqlite:///{tmp_path}/jobs.db", plugins=[PLUGIN], poll_interval=0.1)
    async with serving(app) as api, app.worker(queues=PLUGIN.queues):
        yield Shelf(api)


async def test_a_path_is_imported_from_the_folder_of_the_operator_alone(served: Shelf, tmp_path: Path) -> None:
    # When a folder below it is imported
    answer = await served.call("POST", "/documents/import", json={"path": "manuals", "collection": "books"})
    job = await served.ended(answer.json()["job_id"])
    # Then what lies in it is, and no link that leads out
    assert job["result"]["completed"] == job["result"]["total"] == 1
    # And nothing else is reached
    for path in ("../outside", "away", "away/garden.md", str(tmp_path / "outside"), "/etc/passwd", "none", "a\0b"):
        refused = await served.call("POST", "/documents/import", json={"path": path})
        assert (*code(refused), refused.json()["error"]["field"]) == (422, "invalid", "path"), path
    # And not by a job that a key makes by another route
    key = (await create_key(served.api.app.client(), "eve", scopes=("jobs:read", "jobs:write")))[1]
    served.api.forget_callers()
    payload = {"collection": "books", "kind": "folder", "path": str(tmp_path / "outside")}
    task = {"task": "documents.bulk_import", "args": {"payload": payload}}
    made = await served.of(key).call("POST", "/jobs", json=task)
    assert (await served.of(key).ended(made.json()["id"]))["status"] == "failed"


async def test_without_such_a_folder_no_path_is_imported(quiet: Shelf) -> None:
    refused = await quiet.call("POST", "/documents/import", json={"path": "manuals"})
    assert code(refused) == (403, "import_folder_not_set")
    for fields, field in (({"kind": "folder"}, "kind"), ({"kind": "guess"}, "kind"), ({"colour": "red"}, "colour")):
        answer = await quiet.call("POST", "/documents/import", files={"file": ("a", b"x")}, data=fields)
        assert (*code(answer), answer.json()["error"]["field"]) == (422, "invalid", field)
    empty = await quiet.call("POST", "/documents/import", files={"file": ("a", b"")})
    assert (*code(empty), empty.json()["error"]["field"]) == (422, "invalid", "file")
    assert code(await quiet.call("POST", "/collections/books/import", json={})) == (415, "unsupported_type")
