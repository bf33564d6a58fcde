"""What all values share: frozen, checked by ``validate()``, times in UTC."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from abaca_documents.errors import ValidationError

Metadata = dict[str, Any]
"""Text, numbers, booleans, null and lists of these, by name; nested mappings are allowed and filters reach into them
by ``a.b``."""

MAX_METADATA_BYTES = 32_000
MAX_NAME = 255
_COLLECTION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{1,61})[A-Za-z0-9]")
_DOCUMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
DIGEST = re.compile(r"[0-9a-f]{64}")


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """A frozen value. It holds what it was given: ``validate`` judges and changes nothing."""

    def validate(self) -> None:
        """Raise ``ValidationError`` naming the first field that cannot be used."""

    def is_valid(self) -> bool:
        try:
            self.validate()
        except ValidationError:
            return False
        return True


def instant_now() -> datetime:
    return datetime.now(UTC)


def check_collection(name: str, field: str = "collection") -> str:
    """3 to 63 of ``A-Z a-z 0-9 _ -``, the first and the last a letter or a digit."""
    if not _COLLECTION.fullmatch(name):
        raise ValidationError(
            field,
            f"{name!r} is no usable name; use 3 to 63 letters, digits, _ and -, at the ends a letter or a digit",
        )
    return name


def check_document_id(id: str, field: str = "document_id") -> str:
    if not _DOCUMENT.fullmatch(id):
        raise ValidationError(field, f"{id!r} is no document id; use 1 to 200 letters, digits, dots, _ and -")
    return id


def check_filename(name: str, field: str = "filename") -> str:
    """A name of a file, for people. It is never used as a path, and may hold ``/`` as the path within an archive."""
    if not name or len(name.encode("utf-8", "replace")) > MAX_NAME or any(ord(each) < 32 for each in name):
        raise ValidationError(field, f"it takes 1 to {MAX_NAME} bytes without control characters")
    return name


def check_digest(digest: str, field: str = "content_hash") -> str:
    if not DIGEST.fullmatch(digest):
        raise ValidationError(field, "it is the SHA-256 of the bytes, 64 hexadecimal digits")
    return digest


def check_range(value: float, field: str, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ValidationError(field, f"{value} is not within {least} and {most}")


def check_metadata(given: Mapping[str, Any], field: str = "metadata") -> None:
    """Names without dots and dollars, values that have a JSON form, all of it at most ``MAX_METADATA_BYTES``."""
    for name in _names(given):
        if not name or len(name) > 100 or "." in name or name.startswith("$"):
            raise ValidationError(field, f"{name[:100]!r} is no usable name; 1 to 100 characters, no dot, no $ first")
    try:
        size = len(msgspec.json.encode(given))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValidationError(field, f"it has no JSON form: {error}") from error
    if size > MAX_METADATA_BYTES:
        raise ValidationError(field, f"{size} bytes of JSON; at most {MAX_METADATA_BYTES} are kept")


def _names(given: Any) -> Iterable[str]:
    if isinstance(given, Mapping):
        for name, value in given.items():
            if not isinstance(name, str):
                raise ValidationError("metadata", f"the name {name!r} is no text")
            yield name
            yield from _names(value)
    elif isinstance(given, list | tuple):
        for value in given:
            yield from _names(value)
