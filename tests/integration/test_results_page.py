"""The program of docs/results.md, run as it stands there but for its addresses."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from tests.house.test_guide import blocks


async def test_the_program_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given the page's two blocks, with a store in memory and a folder of this test
    monkeypatch.chdir(tmp_path)
    declares, reads = blocks("docs/results.md")
    place = (tmp_path / "results").as_uri()
    declares = declares.replace("redis://localhost/0", "memory://").replace("file:///var/abaca/results", place)
    namespace: dict[str, Any] = {"__name__": "page"}
    exec(compile(declares, "<results>", "exec"), namespace)  # noqa: S102 - our own document
    # When they run beside a worker
    async with namespace["app"] as app, app.worker():
        await eval(  # noqa: S307 - our own document
            compile(reads, "<results>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), namespace
        )
        # Then the report is there, in the file and in the folder
        assert Path("report.pdf").read_bytes() == b"%PDF" * 2_000_000
