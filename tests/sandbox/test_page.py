"""docs/sandbox.md names a test for each guarantee, and they are there."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "sandbox.md"


def test_every_named_test_is_there() -> None:
    sources = {path.name: path.read_text() for path in HERE.glob("test_*.py")}
    named = set(re.findall(r"`(?:[\w/]*test_\w+\.py::)?(test_\w+)`", PAGE.read_text()))
    assert named
    missing = {name for name in named if not any(f"def {name}(" in source for source in sources.values())}
    assert not missing
