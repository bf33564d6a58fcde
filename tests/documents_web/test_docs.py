"""Every command and program of docs/documents.md and docs/documents-search.md, run as a reader runs it."""

from __future__ import annotations

import ast
import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.documents_search.models import FOLDER, needs_minilm, needs_static
from tests.http.served import Served, running, typed, wait_for
from tests.http.test_docs import BLOCK, ROOT, shape

PAGE, PARTS = (ROOT / "docs" / name for name in ("documents.md", "documents-search.md"))
GARDEN = "# The garden\n\nRoses want sun and much water. Roses are pruned in March.\n"
INVOICES = "# Accounts\n\nInvoices are kept for ten years, and receipts for three.\n"

pytestmark = [
    needs_minilm,
    needs_static,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here"),
]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Of somebody with a home, papers in it, and the models."""
    (tmp_path / "papers" / "deep").mkdir(parents=True)
    (tmp_path / "papers" / "deep" / "accounts.md").write_text(INVOICES)
    (tmp_path / "garden.md").write_text(GARDEN)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ABACA_")}
    return {
        **kept,
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache"),
        "ABACA_MODELS": str(FOLDER),
        "ABACA_URL": f"sqlite:///{tmp_path}/abaca.db",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


def test_the_commands_of_the_page_do_what_it_says(tmp_path: Path, environ: dict[str, str]) -> None:
    # Given the page's blocks, in their order
    blocks = BLOCK.findall(PAGE.read_text())
    first, service = (_typed(text) for kind, text in blocks if kind == "console")
    installs, *first = first
    assert shlex.split(installs) == ["pip", "install", "abaca[documents]"]
    # When the first steps are typed
    answers = [typed(line, tmp_path, environ) for line in first]
    # Then the question has the paper that answers it
    assert len(answers) == 3
    assert "accounts.md" in answers[-1]
    # When worker and service run as the page starts them, and what is below "Over HTTP" is typed
    assert [line.split()[:2] for line in service] == [["abaca", "worker"], ["abaca", "serve"]]
    with running(tmp_path, environ, "worker"), Served(tmp_path, environ) as served:
        wait_for(lambda: b'"status":"ok"' in served.get("/health"))
        asked = [number for number, (kind, _) in enumerate(blocks) if kind == "sh"]
        assert len(asked) >= 2
        for number in asked:
            command = blocks[number][1].replace("http://127.0.0.1:8000", served.url)
            answer = json.loads(typed(command, tmp_path, environ))
            # Then each answer is shaped as it stands there
            kind, shown = blocks[number + 1]
            assert kind == "json"
            assert shape(answer) == shape(json.loads(shown)), json.dumps(answer, indent=1)
        assert b"<title>Documents" in served.get("/ui/documents")


def _typed(text: str) -> list[str]:
    """The commands of a console block, without what is told beside them."""
    return [line.removeprefix("$ ").partition("  #")[0].strip() for line in text.splitlines() if line.startswith("$ ")]


@pytest.mark.parametrize("page", [PAGE, PARTS], ids=["documents", "documents-search"])
async def test_the_program_of_the_page_runs(
    page: Path, tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given its one program, in a folder with the file that it names
    (program,) = (text for kind, text in BLOCK.findall(page.read_text()) if kind == "python")
    monkeypatch.chdir(tmp_path)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    namespace: dict[str, Any] = {"__name__": "page"}
    # When it runs
    code = compile(program, f"<{page.name}>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    await eval(code, namespace)  # noqa: S307 - our own document
    # Then it has what the page says
    if page is PAGE:
        assert namespace["result"].status == "completed"
        assert namespace["found"].results[0].filename == "garden.md"
    else:
        texts = [piece.text for piece in namespace["pieces"]]
        assert "Roses are pruned in March." in texts[0]
        assert [len(vector) for vector in namespace["vectors"]] == [4 * 384] * len(texts)
