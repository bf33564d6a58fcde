"""A folder with texts, and the command line on a library of its own with the static model."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import Run, running

GARDEN = "# The garden\n\nRoses want sun and much water. Cut them back in spring, above a bud that looks outwards.\n"
HARBOUR = "Ships that arrive by night wait for the pilot.\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command runs; ``texts`` has two documents, something hidden and something that is no document."""
    texts = tmp_path / "texts"
    (texts / "deep" / ".git").mkdir(parents=True)
    (texts / "garden.md").write_text(GARDEN)
    (texts / "deep" / "harbour.txt").write_text(HARBOUR)
    (texts / "deep" / ".git" / "config").write_text("[core]\n")
    (texts / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ABACA_URL", f"sqlite:///{tmp_path}/jobs.db")
    monkeypatch.setenv("ABACA_DOCUMENTS_EMBEDDER", "static")
    return tmp_path


@pytest.fixture
def run(place: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    return running(capsys)
