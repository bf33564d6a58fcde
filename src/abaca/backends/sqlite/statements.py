"""The SQL of this store: one statement per file, named for its verb, its contract above it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable


def _folder() -> Traversable:
    return files("abaca.backends.sqlite") / "sql"


@cache
def sql(name: str) -> str:
    """The statement in ``sql/<name>.sql``, without its contract."""
    text = (_folder() / f"{name}.sql").read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("--"))


def migrations() -> list[tuple[int, str]]:
    """Every migration as (number, statements), in order. They count from 1 without a gap."""
    found = sorted((_folder() / "migrations").iterdir(), key=lambda file: file.name)
    return [(int(file.name[:4]), file.read_text(encoding="utf-8")) for file in found if file.name.endswith(".sql")]
