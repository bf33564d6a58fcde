"""The command line on jobs whose payloads are in another place."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from abaca import App
from abaca.cli import main

LARGE = "".join(f"{n:x}" for n in range(20_000))


@dataclass(frozen=True)
class Stored:
    url: str
    place: str
    id: str


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> Stored:
    """A completed job whose arguments and result are in a folder."""
    monkeypatch.chdir(tmp_path)
    place = (tmp_path / "results").as_uri()

    async def fill() -> str:
        async with App(sqlite_url, results=place, results_above=1000) as app:

            @app.task
            def swap(words: str) -> str:
                return words.swapcase()

            async with app.worker():
                job = await swap.enqueue(LARGE)
                await job.result(timeout=30)
                return job.id

    return Stored(sqlite_url, place, asyncio.run(fill()))


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[object, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main(words)
    captured = capsys.readouterr()
    return left.value.code, captured.out, captured.err


def test_a_job_is_shown_with_what_is_in_its_place(
    stored: Stored, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ABACA_RESULTS", stored.place)
    status, out, _ = run(capsys, "jobs", "show", stored.id, "--url", stored.url, "--json")
    shown = json.loads(out)
    assert (status, shown["args"], shown["result"]) == (0, {"words": LARGE}, LARGE.swapcase())
    assert LARGE.swapcase() in run(capsys, "jobs", "show", stored.id, "--url", stored.url)[1]


@pytest.mark.parametrize("command", ["result", "wait"])
def test_a_result_is_printed_from_its_place(
    stored: Stored, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.setenv("ABACA_RESULTS", stored.place)
    status, out, _ = run(capsys, "jobs", command, stored.id, "--url", stored.url)
    assert (status, json.loads(out)) == (0, LARGE.swapcase())


def test_without_the_place_a_job_is_shown_with_where_the_rest_is(
    stored: Stored, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = run(capsys, "jobs", "show", stored.id, "--url", stored.url, "--json")
    shown = json.loads(out)
    assert status == 0
    assert shown["result"]["bytes"] == len(LARGE) + 2
    assert shown["args"]["elsewhere"].split("/")[1].startswith(f"{stored.id}-0-")
    assert "bytes in another place" in run(capsys, "jobs", "show", stored.id, "--url", stored.url)[1]
    listed = json.loads(run(capsys, "jobs", "--url", stored.url, "--json")[1])
    assert listed["jobs"][0]["result"]["bytes"] == len(LARGE) + 2


def test_without_the_place_a_result_cannot_be_printed_and_says_what_to_set(
    stored: Stored, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = run(capsys, "jobs", "result", stored.id, "--url", stored.url)
    assert status != 0
    assert "ABACA_RESULTS" in err


def test_doctor_tells_of_a_place_that_cannot_be_used_and_of_no_other(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a place that is well, and one below a file
    (tmp_path / "file").write_text("")
    places = {"well": stored.place, "broken": (tmp_path / "file" / "results").as_uri()}
    found = {}
    # When the store is examined with each
    for name, place in places.items():
        monkeypatch.setenv("ABACA_RESULTS", place)
        status, out, _ = run(capsys, "doctor", stored.url, "--json")
        assert status == 0
        found[name] = [each["text"] for each in json.loads(out)["findings"] if each["about"] == "place"]
    # Then the broken one is told
    assert found["well"] == []
    assert "cannot be used" in found["broken"][0]
    assert "Not a directory" in found["broken"][0]
