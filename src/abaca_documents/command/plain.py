"""What people write on a command line, as values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from abaca import ConfigError
from abaca_documents.errors import DocumentNotFound
from abaca_documents.library import Library
from abaca_documents.model import Document, DocumentFilter, Metadata

_NEAR = 5


def metadata_of(words: Iterable[str]) -> Metadata:
    """``year=2026`` is a number, ``tags=["a"]`` a list, and what is no JSON is text. Raises ``ConfigError``."""
    found: Metadata = {}
    for word in words:
        name, is_there, text = word.partition("=")
        if not is_there or not name:
            raise ConfigError(f"--metadata: {word!r} is no NAME=VALUE")
        try:
            found[name] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            found[name] = text
    return found


def filter_of(text: str | None) -> Metadata:
    """A filter as JSON. Raises ``ConfigError``."""
    if text is None:
        return {}
    try:
        found: dict[str, Any] = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ConfigError(f'--filter: it is no JSON object, as \'{{"year": {{"$gte": 2020}}}}\': {error}') from error
    return found


async def document_of(library: Library, word: str, collection: str | None = None) -> Document:
    """The document that a word means: its id, or its filename where only one has it.

    Raises ``DocumentNotFound``, ``ConfigError`` for a name of several.
    """
    (found,) = await library.documents.get_batch([word])
    if found is not None:
        return found
    named = DocumentFilter(filename=word, collection=collection)
    same = (await library.documents.list(named, limit=_NEAR)).items
    if len(same) == 1:
        return same[0]
    if not same:
        raise DocumentNotFound("get", word, more="`abaca documents list` shows ids and filenames")
    shown = ", ".join(f"{each.id} in {each.collection}" for each in same)
    raise ConfigError(f"several documents have the filename {word}: {shown}; name one by its id")
