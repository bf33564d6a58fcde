"""Two versions side by side, as programmers read it."""

from __future__ import annotations

import difflib

from abaca_strategies.models import Strategy


def unified(before: Strategy, after: Strategy) -> str:
    """A unified diff of the code; empty where it is the same."""
    lines = difflib.unified_diff(
        before.python_code.splitlines(),
        after.python_code.splitlines(),
        f"{before.name} (version {before.version})",
        f"{after.name} (version {after.version})",
        before.created_at or "",
        after.created_at or "",
        lineterm="",
    )
    text = "\n".join(lines)
    return f"{text}\n" if text else ""
