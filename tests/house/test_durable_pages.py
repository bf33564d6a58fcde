"""The programs of the pages on steps and streams run as they stand there."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from tests.house.test_guide import blocks, parsed

RUNS: dict[str, dict[str, Any]] = {
    "docs/durable-steps.md": {"text": "charge-ann-995, approved by bob"},
    "docs/streams.md": {"words": ["HOW", "ARE", "YOU"], "late": ["YOU"], "count": 3},
}


@pytest.mark.parametrize("page", RUNS)
async def test_the_program_of_the_page_runs(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given the page's declarations, on a store in memory
    monkeypatch.setenv("ABACA_URL", "memory://")
    declared, awaited = blocks(page)[:2]
    namespace: dict[str, Any] = {"__name__": "page"}
    exec(compile(parsed(declared), f"<{page}>", "exec"), namespace)  # noqa: S102 - our own document
    # When what follows them is run beside a worker
    async with namespace["app"] as app, app.worker():
        code = compile(parsed(awaited), f"<{page}>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        await eval(code, namespace)  # noqa: S307 - our own document
    # Then it has what the page says
    assert {name: namespace[name] for name in RUNS[page]} == RUNS[page]
