"""``abaca documents``, ``abaca search`` and ``abaca collections``, each as people type it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from abaca import App
from abaca_documents.command.finding import Found, Wanted
from abaca_documents.library import Library
from abaca_documents.plugin import PLUGIN
from tests.command import Run
from tests.documents_search.models import needs_static

pytestmark = needs_static


def test_a_folder_is_taken_in_without_a_server_and_found(run: Run, place: Path) -> None:
    # When a folder is added
    added = run("docs", "add", "texts", "--recursive")
    # Then each document in it is told of; what is hidden, or is no document, is not
    assert added.status == 0
    assert sorted(added.lines) == [
        "texts/deep/harbour.txt: completed (1 chunk, 1 embedded)",
        "texts/garden.md: completed (1 chunk, 1 embedded)",
    ]
    assert added.err == "collection default: 2 completed, 1 passed over\n"
    # And it is found by its words and shown with its place
    found = run("search", "roses in spring", "--top-k", "1")
    assert found.lines[0].startswith("1. garden.md  The garden  ")
    assert found.lines[0].endswith("  default")
    assert "Cut them back in spring" in found.out
    # When it is added again, nothing is done; what was edited is embedded where it changed
    again = run("docs", "add", "texts", "--recursive")
    assert (again.status, again.out.count("already there")) == (0, 2)
    (place / "texts" / "garden.md").write_text("Tulips like cold winters.\n")
    assert run("docs", "add", "texts").lines == ["texts/garden.md: completed (1 chunk, 1 embedded)"]
    assert "Tulips" in run("search", "tulips").out
    assert "Roses" not in run("search", "roses").out


def test_files_of_one_name_are_documents_of_their_own(run: Run, place: Path) -> None:
    (place / "garden.md").write_text("Tulips like cold winters.\n")
    run("docs", "add", "garden.md", "texts/garden.md")
    listed = run("--json", "docs", "list").json["items"]
    assert sorted(each["source_id"] for each in listed) == [str(place / "garden.md"), str(place / "texts/garden.md")]
    # And a name that several have is not guessed at
    asked = run("docs", "show", "garden.md")
    assert (asked.status, "name one by its id" in asked.err) == (2, True)
    assert run("docs", "show", listed[0]["id"]).status == 0


def test_one_that_fails_says_why_and_harms_no_other(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a file that is no document, and one that went while the command looked
    (place / "a.pdf").write_bytes(b"\x7fELF" + bytes(60))
    look = Wanted.look

    def gone(wanted: Wanted) -> dict[Path, Found]:
        found = look(wanted)
        (place / "b.txt").unlink(missing_ok=True)
        return found

    (place / "b.txt").touch()
    monkeypatch.setattr(Wanted, "look", gone)
    # When they are added with another one
    added = run("--json", "docs", "add", "a.pdf", "b.txt", "texts")
    # Then that one is in
    assert added.status == 1
    assert (added.json["completed"], added.json["failed"], added.json["passed_over"]) == (1, 2, 1)
    failed = {each["path"]: each["error"] for each in added.json["files"] if each["outcome"] == "failed"}
    assert failed[str(place / "a.pdf")] == "the file is a program"
    assert failed[str(place / "b.txt")].startswith("it cannot be read: ")
    assert "the file is a program" in run("docs", "list", "--status", "failed").out
    refused = run("docs", "add", "texts/garden.md", "--on-duplicate", "error")
    assert (refused.status, "has the same bytes already" in refused.out) == (1, True)


@pytest.mark.parametrize(
    "words",
    [
        ("docs", "add"),
        ("docs", "add", "nothing.txt"),
        ("docs", "add", "texts", "--collection", "?"),
        ("docs", "add", "texts", "--metadata", "year"),
        ("docs", "add", "texts", "--watch", "--on-duplicate", "error"),
        ("docs", "list"),
        ("docs", "import", "texts/garden.md"),
        ("docs", "model", "gpt"),
        ("docs", "reindex"),
        ("search", "roses", "--filter", "{"),
    ],
    ids=" ".join,
)
def test_a_wrong_command_is_told_and_does_nothing(run: Run, words: tuple[str, ...], place: Path) -> None:
    answer = run(*words)
    assert (answer.status, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert not (place / "jobs.documents.db").exists() or "name" in answer.err


def test_documents_are_shown_deleted_and_purged(run: Run, place: Path) -> None:
    run("docs", "add", "texts", "--recursive", "--metadata", "year=2026", "--metadata", "by=Ada")
    # Then a filter on metadata finds them, and one is shown with its text
    assert len(run("--json", "docs", "list", "--filter", '{"year": {"$gte": 2026}}').json["items"]) == 2
    shown = run("docs", "show", "garden.md", "--chunks")
    assert "metadata.by" in shown.out
    assert "above a bud that looks outwards" in shown.out
    assert "The garden" in shown.out
    # When one is deleted, no search finds it and its record stays
    assert run("docs", "rm", "garden.md").status == 0
    assert "garden" not in run("search", "roses").out
    assert [each["status"] for each in run("--json", "docs", "list", "--deleted").json["items"]].count("deleted") == 1
    # When one is purged, nothing is left of it
    assert run("docs", "rm", "deep/harbour.txt", "--purge").err == "1 deleted for good\n"
    assert run("docs", "show", "deep/harbour.txt").status == 1
    left = [path for path in place.rglob("*") if path.is_file() and "texts" not in path.parts]
    assert not [path for path in left if b"wait for the pilot" in path.read_bytes()]


def test_documents_and_collections_are_indexed_anew(run: Run) -> None:
    run("docs", "add", "texts", "--recursive")
    one = run("docs", "reindex", "garden.md", "--chunk-size", "40", "--chunk-overlap", "0")
    assert (one.status, one.out.startswith("garden.md: completed (")) == (0, True)
    assert run("--json", "docs", "show", "garden.md").json["document"]["chunk_size"] == 40
    every = run("docs", "reindex", "--collection", "default", "--strategy", "markdown")
    assert (every.status, every.err.startswith("index 2 of default answers: 2 documents")) == (0, True)
    assert "Roses" in run("search", "roses", "--mode", "keyword").out


def test_many_are_imported_by_one_job(run: Run, place: Path) -> None:
    lines = [{"text": f"Number {n} is a number.", "filename": f"{n}.txt"} for n in range(5)]
    (place / "many.jsonl").write_text("\n".join(map(json.dumps, [*lines, {"filename": "empty.txt"}])))
    answer = run("docs", "import", "many.jsonl", "--collection", "numbers")
    assert (answer.status, answer.err) == (1, "5 completed, 0 already there, 1 failed\n")
    assert answer.lines == ["line 6: failed: line 6 has neither text nor content"]
    assert run("--json", "search", "number", "--collection", "numbers").json["total_results"] == 5


def test_a_collection_is_made_carried_elsewhere_and_deleted(run: Run, place: Path) -> None:
    # Given a collection with documents
    assert run("collections", "create", "notes", "--metric", "l2", "--chunk-size", "200").status == 0
    run("docs", "add", "texts", "--recursive", "--collection", "notes", "--metadata", "year=2026")
    assert "documents  2\n" in run("collections", "stats", "notes").out
    # When it is exported, and imported under another name
    assert run("collections", "export", "notes", "notes.zip").err.startswith("2 documents of notes are in notes.zip")
    assert run("collections", "export", "notes", "notes.zip").status == 2, "nothing is written over unasked"
    assert run("docs", "collections", "import", "notes.zip", "--name", "copied").status == 0
    # Then it is what it was
    copied = run("--json", "collections", "show", "copied").json
    assert (copied["collection"]["metric"], copied["collection"]["chunk_size"]) == ("l2", 200)
    found = run("--json", "search", "roses", "--collection", "copied", "--filter", '{"year": 2026}').json
    assert found["results"][0]["filename"] == "garden.md"
    assert [each["collection"]["name"] for each in run("--json", "collections").json] == ["copied", "notes"]
    # And one that holds documents goes only when that is said
    assert run("collections", "rm", "notes").status == 2
    assert run("collections", "rm", "notes", "--force").status == 0
    assert run("collections", "show", "notes").status == 1


def test_hits_are_told_to_machines_and_people_with_their_scores(run: Run) -> None:
    run("docs", "add", "texts", "--recursive")
    found = run("--json", "search", "roses", "--mode", "hybrid").json
    hit = found["results"][0]
    assert [hit["text"][mark["start"] : mark["end"]] for mark in hit["highlights"]] == ["Roses"]
    assert "words " in run("search", "roses", "--scores").out
    nothing = run("search", "roses", "--min-score", "1", "--mode", "vector")
    assert (nothing.status, nothing.out, nothing.err) == (0, "", "nothing was found\n")


async def test_a_worker_that_serves_already_is_left_its_work(run: Run, place: Path) -> None:
    # Given a worker on the store
    async with App(f"sqlite:///{place}/jobs.db", plugins=[PLUGIN]) as app:
        async with app.worker(queues=PLUGIN.queues):
            # When files are added
            answer = await asyncio.to_thread(run, "docs", "add", "texts")
            # Then it took them in, and the command made no worker of its own
            assert (answer.status, answer.lines) == (0, ["texts/garden.md: completed (1 chunk, 1 embedded)"])
            (worker,) = (await app.stats()).workers
            assert worker.name != "command"
        await Library.of(app).close()
