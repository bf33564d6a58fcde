"""No deleted word stays in an index of words.

FTS5 takes a deleted word out of the pages of its index, and overwrites it, but each page is also found by a word that
parts it from the page before, and those stay until the index is written anew.
"""

from __future__ import annotations

from typing import Any

import apsw

from abaca_documents.vectors.statements import sql

LARGE = 1000
"""Pages up to which an index is written anew at once, in some tenths of a second."""
PAUSE = 1200
"""Seconds that pass between two times for a larger one, which takes seconds."""
_NOBODY, _WORD = 0, "0"
"""A chunk that is not there, and its word."""


def mark(connection: apsw.Connection, space: int) -> None:
    """Call it in the transaction that deletes words."""
    connection.execute(sql("swept_mark"), (space,)).fetchall()


def due(connection: apsw.Connection, now: float) -> list[int]:
    """Spaces whose index is to be written anew."""
    marked: list[tuple[Any, ...]] = connection.execute(sql("swept_list")).fetchall()
    return [int(space) for space, last in marked if now - last >= PAUSE or _pages(connection, space) <= LARGE]


def write_anew(connection: apsw.Connection, space: int, now: float) -> None:
    """FTS5 leaves an index alone that is in one part, so another one is added for it to take in."""
    word = (_NOBODY, _WORD, "")
    connection.execute(sql("word_put", space=space), word).fetchall()
    connection.execute(sql("words_anew", space=space)).fetchall()
    connection.execute(sql("word_drop", space=space), word).fetchall()
    connection.execute(sql("swept_done"), (int(now), space)).fetchall()


def _pages(connection: apsw.Connection, space: int) -> int:
    rows: list[tuple[Any, ...]] = connection.execute(sql("words_pages", space=space)).fetchall()
    return int(rows[0][0])
