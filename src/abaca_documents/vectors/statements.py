"""The SQL of this store: one statement per file, its contract above it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def text_of(name: str) -> str:
    text = (files("abaca_documents.vectors") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("--"))


def sql(name: str, **parts: str | int) -> str:
    """The statement in ``sql/<name>.sql`` without its contract, with ``{part}`` replaced. Parts are numbers, words of
    sqlite-vec and compiled filters, never anything that a person wrote."""
    text = text_of(name)
    for part, value in parts.items():
        text = text.replace("{" + part + "}", str(value))
    return text
