"""No transaction of the SQLite store reads first and asks for the write lock afterwards.

Two that do so at once cannot both go on, and SQLite refuses one of them at once, whatever its patience.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from abaca.backends.sqlite import statements
from abaca.errors import BackendError, BackendUnavailable
from tests.integration.sqlite_help import opened

STORE = Path(statements.__file__).parent
READER = "reader.py"


def statements_in(file: Path) -> list[str]:
    """The strings of a Python file, without its docstrings."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    spoken = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and id(node) not in spoken]
    return [text for text in texts if isinstance(text, str)]


def test_every_transaction_that_writes_takes_the_write_lock_first() -> None:
    # Given every way in which the store's code begins a transaction
    begins = {
        (file.name, text)
        for file in STORE.glob("*.py")
        for text in statements_in(file)
        if re.match(r"\s*BEGIN\b", text, re.IGNORECASE)
    }
    # Then they are immediate, but for the reader's, whose connection cannot write
    assert {text for name, text in begins if name != READER} == {"BEGIN IMMEDIATE"}
    assert {text for name, text in begins if name == READER} == {"BEGIN"}


def test_no_connection_is_used_as_a_context_which_would_begin_deferred() -> None:
    # Given every `with` of the store's code
    contexts = [
        ast.unparse(item.context_expr)
        for file in STORE.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.With)
        for item in node.items
    ]
    # Then none enters a connection: apsw would open a savepoint, which begins a deferred transaction
    assert contexts
    assert not [context for context in contexts if "connection" in context.lower()]


@pytest.mark.parametrize("file", sorted((STORE / "sql").glob("*.sql")), ids=lambda file: file.stem)
def test_no_statement_file_begins_or_ends_a_transaction(file: Path) -> None:
    words = set(re.findall(r"\b[A-Z]+\b", statements.sql(file.stem)))
    assert not words & {"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "PRAGMA"}


@pytest.mark.parametrize("way", ["read", "browse"])
async def test_a_reading_connection_cannot_write(sqlite_url: str, way: str) -> None:
    # Given an open store
    async with opened(sqlite_url) as store:
        # When something writes where only reads belong
        call = getattr(store.engine, way)
        # Then SQLite refuses it
        with pytest.raises((BackendError, BackendUnavailable), match="readonly"):
            await call(lambda tx: tx.run("drop_card", worker="w"))
